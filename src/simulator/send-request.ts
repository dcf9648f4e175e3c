// Sends a certificate request: whole if the device's packets hold it, else in parts that they do hold.
import type { UpMessage } from '../domain/message.ts';
import { payloadRoom } from '../domain/packet.ts';
import type { Encoding, PrincipalId } from '../domain/principal.ts';
import { enrollmentTopic } from '../domain/topics.ts';
import { encodeUp, partBytesWithin } from '../wire/index.ts';

export interface Line {
  readonly id: PrincipalId;
  readonly encoding: Encoding;
  /** The largest packet the device handles, in bytes. */
  readonly maxPacket: number;
  readonly say: (message: UpMessage) => Promise<boolean>;
}

/** @returns false when the connection ended before all of it was acknowledged: then it is sent again from its beginning. */
export async function sendRequest(line: Line, renewal: string, csr: Uint8Array): Promise<boolean> {
  const { id, encoding, maxPacket, say } = line;
  const room = payloadRoom(enrollmentTopic(id, 'csr'), maxPacket);
  const whole = { word: 'csr', renewal, csr } as const;
  if (encodeUp(encoding, whole).length <= room) return say(whole);
  const total = csr.length;
  for (let offset = 0; offset < total; ) {
    // A part of a request has the same fields as a part of a replacement.
    const length = partBytesWithin(encoding, { renewal, offset, total }, room);
    if (length === 0) throw new Error(`packets of ${maxPacket} bytes hold no part of a request`);
    const bytes = csr.subarray(offset, offset + length);
    if (!(await say({ word: 'csr', renewal, offset, total, bytes }))) return false;
    offset += bytes.length;
  }
  return true;
}
