// What the MQTT persistence is made of, each for one kind of row.

import type { MqttPersistenceOptions } from '../../ports/mqtt-options.ts';
import type { Database } from '../sqlite/database.ts';
import { MqttAbsences } from './absences.ts';
import { MqttBacklogs } from './backlogs.ts';
import { Changed } from './changed.ts';
import { MqttIncoming } from './incoming.ts';
import { MqttKept } from './kept.ts';
import { retainedLimits } from './options.ts';
import { MqttOutgoing } from './outgoing.ts';
import { messageBytes } from './packet.ts';
import { MqttRetained } from './retained.ts';
import { MqttSpread } from './spread.ts';
import { MqttSpreadRows } from './spread-rows.ts';
import { MqttStoredSessions } from './stored-sessions.ts';
import { MqttSubscriptions } from './subscriptions.ts';
import { MqttWills } from './wills.ts';

/** How they write, and where what nobody asked for fails. */
export interface PartsHooks {
  readonly submit: <T>(work: () => T) => Promise<T>;
  readonly failed: (error: unknown) => void;
}

export function createParts(database: Database, options: MqttPersistenceOptions, hooks: PartsHooks) {
  const changed = new Changed();
  const subscriptions = new MqttSubscriptions(database, options.mayStore ?? (() => true), changed);
  const outgoing = new MqttOutgoing(
    database,
    {
      messagesMax: options.queuedMessagesMax,
      bytesMax: options.queuedBytesMax,
    },
    changed,
  );
  const incoming = new MqttIncoming(database, options.unreleasedMessagesMax ?? Number.POSITIVE_INFINITY, changed);
  const wills = new MqttWills(database, changed);
  const kept = new MqttKept(database, changed);
  const sessions = new MqttStoredSessions({
    parts: [subscriptions, outgoing, incoming, wills],
    absences: new MqttAbsences(database, changed),
    kept,
    perPrincipalMax: options.sessionsPerPrincipalMax ?? Number.POSITIVE_INFINITY,
    isConnected: options.isConnected ?? (() => false),
    ...hooks,
  });
  const retained = new MqttRetained(database, { ...retainedLimits, ...options.retained }, changed);
  const { isRenewing = async () => false, mayReceive = () => true, allowanceOf = () => undefined, onDropped } = options;
  const spread = new MqttSpread({
    subscriptions,
    outgoing,
    rows: new MqttSpreadRows(database),
    submit: hooks.submit,
    mayReceive,
    allowanceOf,
    onFull: (clientId, packet) => onDropped(clientId, packet.topic, 'queue_full', messageBytes(packet)),
  });
  const backlogs = new MqttBacklogs({ outgoing, isRenewing, allowanceOf, onDropped, ...hooks });
  return { changed, subscriptions, outgoing, incoming, retained, wills, kept, sessions, spread, backlogs };
}
