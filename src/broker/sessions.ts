// The application's hold on live sessions: speaking to the ones that listen, and ending them.
import type { Sessions } from '../ports/sessions.ts';
import type { Qos } from './aedes-internals.ts';
import { grantedQos } from './granted-qos.ts';
import type { LiveSession, SessionRegistry } from './session-registry.ts';

export function createSessions(registry: SessionRegistry, sendMs: number): Sessions {
  return {
    send: async (principalId, topic, payload, certificate) => {
      const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
      const sent = registry.ofPrincipal(principalId).map((live) => {
        if (certificate && live.session.fingerprint !== certificate) return false;
        const qos = qosOf(live, topic);
        return qos === null ? false : hand(live, topic, bytes, qos > 0 ? 1 : 0, sendMs);
      });
      return (await Promise.all(sent)).filter((taken) => taken).length;
    },
    listens: async (principalId, topic, only) =>
      registry
        .ofPrincipal(principalId)
        .some((live) => (only === undefined || live.session === only) && qosOf(live, topic) !== null),
    isConnected: async (principalId, certificate) =>
      registry
        .ofPrincipal(principalId)
        .some(({ session, ending }) => ending === null && session.fingerprint === certificate),
    clientIdsOf: async (principalId) =>
      registry
        .ofPrincipal(principalId)
        .filter(({ ending }) => ending === null)
        .map(({ session }) => session.clientId),
    under: async (root) => registry.count(({ session }) => session.root === root),
    closeByCertificate: async (fingerprint, reason) => registry.endByFingerprint(fingerprint, reason),
    closeByPrincipal: async (principalId, reason) => registry.endByPrincipal(principalId, reason),
    closeClaimed: async (principalId, reason) => registry.endClaimed(principalId, reason),
    closeIntroduced: async (principalId, reason) => registry.endIntroduced(principalId, reason),
  };
}

/** The QoS at which a session is sent a message on this topic; null when it cannot be, did not ask or may not hear it. */
function qosOf(live: LiveSession, topic: string): Qos | null {
  if (!live.ready || live.ending !== null || live.client.closed) return null;
  const qos = grantedQos(live.client, topic);
  return qos !== null && live.mayReceive(topic) ? qos : null;
}

/** True once the socket took the message; false when it closed or took nothing within `sendMs`. */
function hand(live: LiveSession, topic: string, payload: Buffer, qos: 0 | 1, sendMs: number): Promise<boolean> {
  const { client } = live;
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), sendMs);
    client.publish({ cmd: 'publish', topic, payload, qos, dup: false, retain: false }, (error) => {
      clearTimeout(timer);
      // aedes reports a write to a closed connection as done, and the stall bound a wait that was given up.
      resolve(!error && !client.closed && !client.conn.destroyed && !client.conn.writableNeedDrain);
    });
  });
}
