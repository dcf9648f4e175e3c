// A replacement that is fetched piece by piece: what has come of it so far, and whether the whole is what was offered.
import { createHash } from 'node:crypto';
import type { DownMessage } from '../domain/message.ts';

type Of<W extends DownMessage['word']> = Extract<DownMessage, { word: W }>;

/** Kept whenever it grows, so that power may fail between any two parts. */
export interface Download {
  readonly renewal: string;
  /** Bytes to fetch: the replacement, and after it its SHA-256 when the offer did not have it. */
  readonly total: number;
  /** From the offer, in hex. */
  readonly sha256: string | null;
  readonly bytes: Uint8Array;
}

const digestBytes = 32;

/** What this offer announces; null when it announces nothing yet. */
export function downloadOf({ renewal, size, sha256 }: Of<'offer'>): Download | null {
  if (size === undefined) return null;
  return {
    renewal,
    total: sha256 ? size : size + digestBytes,
    sha256: sha256 ? Buffer.from(sha256).toString('hex') : null,
    bytes: new Uint8Array(),
  };
}

/** Goes on with what was fetched before, where the offer still announces the same. */
export function resume(known: Download | null, offered: Download): Download {
  const { renewal, total, sha256 } = offered;
  return known?.renewal === renewal && known.total === total && known.sha256 === sha256 ? known : offered;
}

/** Adds the part that comes next. Null for any other: an earlier one again, or one of another download. */
export function withPart(download: Download, part: Of<'part'>): Download | null {
  const { renewal, total, bytes } = download;
  if (part.renewal !== renewal || part.total !== total || part.offset !== bytes.length) return null;
  const grown = new Uint8Array(bytes.length + part.bytes.length);
  grown.set(bytes);
  grown.set(part.bytes, bytes.length);
  return grown.length > total ? null : { ...download, bytes: grown };
}

/** The replacement, once all of it is there; `corrupt` when it is not what its digest says. */
export function completed({ total, sha256, bytes }: Download): Uint8Array | 'corrupt' | null {
  if (bytes.length < total) return null;
  const replacement = sha256 === null ? bytes.subarray(0, total - digestBytes) : bytes;
  const digest = sha256 ?? Buffer.from(bytes.subarray(total - digestBytes)).toString('hex');
  return createHash('sha256').update(replacement).digest('hex') === digest ? replacement : 'corrupt';
}
