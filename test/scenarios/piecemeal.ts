// A device that renews itself piece by piece, step by step in a test's hands: it sends its request in parts and fetches what it
// is offered in parts, as a client of few bytes would.
import { createHash } from 'node:crypto';
import type { DownMessage } from '../../src/domain/message.ts';
import { payloadRoom } from '../../src/domain/packet.ts';
import { enrollmentTopic } from '../../src/domain/topics.ts';
import { partBytesWithin } from '../../src/wire/index.ts';
import type { Speaker } from './harness.ts';

export type Offer = Extract<DownMessage, { word: 'offer' }>;

/** Sends a request in parts that fit into packets of this size. @returns how many it took. */
export async function sendInParts(device: Speaker, renewal: string, csr: Uint8Array, maxPacket: number) {
  const room = payloadRoom(enrollmentTopic(device.id, 'csr'), maxPacket);
  const total = csr.length;
  let parts = 0;
  for (let offset = 0; offset < total; parts += 1) {
    const length = partBytesWithin(device.encoding, { renewal, offset, total }, room);
    const bytes = csr.subarray(offset, offset + length);
    await device.say({ word: 'csr', renewal, offset, total, bytes });
    offset += bytes.length;
  }
  return parts;
}

/** Asks for `length` bytes from `offset` on, and puts the parts together that answer it; those of an earlier get are passed over. */
export async function fetchStretch(device: Speaker, offer: Offer, offset: number, length: number): Promise<Uint8Array> {
  await device.say({ word: 'get', renewal: offer.renewal, offset, length });
  const end = Math.min(offset + length, totalOf(offer));
  const pieces: Uint8Array[] = [];
  for (let at = offset; at < end; ) {
    const part = await device.next('part');
    if (part.offset !== at) continue;
    if (part.renewal !== offer.renewal) throw new Error(`a part of ${part.renewal}`);
    if (part.total !== totalOf(offer)) throw new Error(`a total of ${part.total} instead of ${totalOf(offer)}`);
    pieces.push(part.bytes);
    at += part.bytes.length;
    if (at > end) throw new Error(`bytes up to ${at} where ${end} was asked for`);
  }
  return Buffer.concat(pieces);
}

/** Bytes to fetch under an offer: the digest follows the replacement when it is not in the offer. */
export function totalOf({ size, sha256 }: Offer): number {
  if (size === undefined) throw new Error('the offer has no size');
  return sha256 ? size : size + 32;
}

/** What was fetched, checked against its digest. */
export function replacementOf(offer: Offer, fetched: Uint8Array): Uint8Array {
  const replacement = fetched.subarray(0, offer.size);
  const digest = createHash('sha256').update(replacement).digest();
  if (!digest.equals(offer.sha256 ?? fetched.subarray(offer.size))) throw new Error('not what was offered');
  return replacement;
}

/** The next offer that has something to fetch; earlier ones, without, are passed over. */
export async function nextIssued(device: Speaker): Promise<Offer> {
  for (;;) {
    const offer = await device.next('offer');
    if (offer.size !== undefined) return offer;
  }
}
