// A certificate request that comes in parts, put together from its first byte on. What does not fit onto what is there changes
// nothing; only a part that begins at 0 may begin anew.
import type { Refusal } from './errors.ts';

/** The beginning of a request: `bytes` of `total`. */
export interface Upload {
  readonly total: number;
  readonly bytes: Uint8Array;
}

export interface UploadPart {
  /** Where in the request `bytes` begins. */
  readonly offset: number;
  readonly total: number;
  readonly bytes: Uint8Array;
}

type Added = { readonly kind: 'added'; readonly upload: Upload } | ({ readonly kind: 'refused' } & Refusal);

function refused(code: Refusal['code'], detail: string): Added {
  return { kind: 'refused', code, detail };
}

/**
 * Puts a part onto what has arrived; `totalMax` is the most bytes a request may have. A part that came before is taken again
 * without a change, and one that overlaps what is there adds what is new of it.
 */
export function addPart(upload: Upload | null, part: UploadPart, totalMax: number): Added {
  const { offset, total, bytes } = part;
  const end = offset + bytes.length;
  if (total > totalMax) return refused('csr_too_large', `at most ${totalMax} bytes`);
  if (bytes.length === 0 || end > total) return refused('part_out_of_range', `of ${total} bytes`);
  const known = upload ?? { total, bytes: new Uint8Array() };
  const agrees = known.total === total && agree(known.bytes.subarray(offset), bytes);
  if (!agrees) {
    if (offset === 0) return { kind: 'added', upload: { total, bytes } };
    return refused('part_mismatch', 'not what came before');
  }
  const received = known.bytes.length;
  if (offset > received) return refused('part_missing', `from ${received}`);
  if (end <= received) return { kind: 'added', upload: known };
  const longer = new Uint8Array(end);
  longer.set(known.bytes);
  longer.set(bytes, offset);
  return { kind: 'added', upload: { total, bytes: longer } };
}

export function isWhole({ total, bytes }: Upload): boolean {
  return bytes.length === total;
}

/** Are these the same as far as both go? */
function agree(one: Uint8Array, other: Uint8Array): boolean {
  const length = Math.min(one.length, other.length);
  for (let i = 0; i < length; i += 1) if (one[i] !== other[i]) return false;
  return true;
}
