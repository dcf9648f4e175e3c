// The application's hold on live sessions: speaking to the ones that listen, and ending them.
import { matches } from '../domain/topics.ts';
import type { Sessions } from '../ports/sessions.ts';
import type { BrokerClient } from './aedes-internals.ts';
import type { LiveSession, SessionRegistry } from './session-registry.ts';

export function createSessions(registry: SessionRegistry, sendMs: number): Sessions {
  return {
    send: async (principalId, topic, payload, certificate) => {
      const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
      const sent = registry.ofPrincipal(principalId).map((live) => {
        if (certificate && live.session.fingerprint !== certificate) return false;
        const qos = listens(live) ? grantedQos(live.client, topic) : null;
        return qos === null ? false : hand(live, topic, bytes, qos, sendMs);
      });
      return (await Promise.all(sent)).filter((taken) => taken).length;
    },
    closeByCertificate: (fingerprint, reason) => registry.endByFingerprint(fingerprint, reason),
    closeByPrincipal: (principalId, reason) => registry.endByPrincipal(principalId, reason),
  };
}

function listens(live: LiveSession): boolean {
  return live.ready && live.ending === null && !live.client.closed;
}

/** The QoS a message to this client goes out with: at most 1, and what its matching subscriptions allow [MQTT-3.8.4-6]. */
function grantedQos(client: BrokerClient, topic: string): 0 | 1 | null {
  let most: 0 | 1 | null = null;
  for (const [filter, { qos }] of Object.entries(client.subscriptions)) {
    if (!matches(filter, topic)) continue;
    if (qos > 0) return 1;
    most = 0;
  }
  return most;
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
