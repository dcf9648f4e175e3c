// What the broker itself says to everybody who subscribes to it and may hear it, queued for those who are away.
import type { Aedes } from 'aedes';
import type { Announcer } from '../ports/sessions.ts';

export function createAnnouncer(aedes: Aedes): Announcer {
  return {
    announce: (topic, payload) =>
      new Promise((resolve, reject) => {
        const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
        const packet = { cmd: 'publish', topic, payload: bytes, qos: 1, dup: false, retain: false } as const;
        aedes.publish(packet, (error) => (error ? reject(error) : resolve()));
      }),
  };
}
