// The sessions as the application knows them from the start on: those of a broker that is made later.

import type { Broker } from '../broker/broker.ts';
import type { PrincipalId } from '../domain/principal.ts';
import type { Announcer, Sessions } from '../ports/sessions.ts';
import type { AbsentSessionsOptions } from './absent-sessions.ts';

/** The broker's sessions, before and after there is a broker; what a principal leaves behind goes with its decommissioning. */
export class LateSessions implements Sessions, Announcer {
  broker: Broker | null = null;
  forget: (principalId: PrincipalId) => void = () => undefined;
  forgetClaimed: (principalId: PrincipalId) => void = () => undefined;
  forgetAbsent: AbsentSessionsOptions['forgetAbsent'] = async function* () {};

  announce: Announcer['announce'] = (topic, payload) =>
    this.broker?.announcer.announce(topic, payload) ?? Promise.reject(new Error('there is no broker yet'));
  send: Sessions['send'] = async (...message) => this.broker?.sessions.send(...message) ?? 0;
  listens: Sessions['listens'] = async (id, topic, only) => this.broker?.sessions.listens(id, topic, only) ?? false;
  clientIdsOf: Sessions['clientIdsOf'] = async (id) => this.broker?.sessions.clientIdsOf(id) ?? [];
  closeByCertificate: Sessions['closeByCertificate'] = async (fingerprint, reason) =>
    this.broker?.sessions.closeByCertificate(fingerprint, reason) ?? 0;
  closeByPrincipal: Sessions['closeByPrincipal'] = async (id, reason) => {
    const closed = (await this.broker?.sessions.closeByPrincipal(id, reason)) ?? 0;
    if (reason === 'decommissioned') this.forget(id);
    return closed;
  };
  closeClaimed: Sessions['closeClaimed'] = async (id, reason) => {
    const closed = (await this.broker?.sessions.closeClaimed(id, reason)) ?? 0;
    this.forgetClaimed(id);
    return closed;
  };
  isConnected: Sessions['isConnected'] = async (id, certificate) =>
    this.broker?.sessions.isConnected(id, certificate) ?? false;
  under: Sessions['under'] = async (root) => this.broker?.sessions.under(root) ?? 0;
  closeIntroduced: Sessions['closeIntroduced'] = async (id, reason) =>
    this.broker?.sessions.closeIntroduced(id, reason) ?? 0;
}
