// What all parts of the persistence ask of a packet: whether it is kept at all, and how large it is.
import type { Payload, PublishPacket } from '../../ports/mqtt-packets.ts';

/** Enrollment messages and the broker's own chatter: worth nothing later, and never anybody else's to read. */
export function isTransient(topic: string): boolean {
  return topic.charCodeAt(0) === 36 && (topic.startsWith('$enroll/') || topic.startsWith('$SYS/'));
}

export function payloadBytes(payload: Payload): number {
  return typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length;
}

/** Of topic and payload, as queues count them. */
export function messageBytes({ topic, payload }: Pick<PublishPacket, 'topic' | 'payload'>): number {
  return Buffer.byteLength(topic) + payloadBytes(payload);
}

/** Resolved already: most questions about a fleet of clean sessions need no SQL, and no promise of their own. */
export const settled: Promise<void> = Promise.resolve();

/** Resolves in a turn of the event loop of its own, so that what follows meets nothing else half done. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
