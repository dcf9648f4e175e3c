// The revocation list of a root: which of its issuing CAs are revoked, when a list is signed anew, and how it is numbered. A client that
// checks the whole chain refuses the broker without one.
import type { RevocationReason, Serial } from './certificate.ts';
import { dayMs, type Instant, toSeconds } from './time.ts';

/** An issuing CA that its root has revoked. */
export interface RevokedIssuing {
  /** The number of the issuing CA, and of the root above it. */
  readonly number: number;
  readonly root: number;
  readonly serial: Serial;
  /** Of its certificate. */
  readonly notAfter: Instant;
  readonly revokedAt: Instant;
  readonly reason: RevocationReason;
}

/** An entry of a list. */
export type ListedIssuing = Pick<RevokedIssuing, 'serial' | 'revokedAt' | 'reason'>;

/** A list as it is out. */
export interface RootList {
  readonly root: number;
  /** CRL number (RFC 5280, 5.2.3). */
  readonly number: number;
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant;
  readonly entries: readonly ListedIssuing[];
}

type Dated = { readonly notBefore: Instant; readonly notAfter: Instant };

/** A list is good for so long at most: it has to be signed where the root's key is. */
const validityMostMs = 365 * dayMs;
/** And for this share of the root's life. */
const validityShare = 1 / 4;

/** Milliseconds from a list's thisUpdate to its nextUpdate. */
export function rootListValidityMs({ notBefore, notAfter }: Dated): number {
  return Math.min(validityMostMs, (notAfter - notBefore) * validityShare);
}

/** `missing`: none is out. `stale`: half of its time has passed, or it is of the future. `lacks`: an issuing CA was revoked since. */
export type RootListCause = 'missing' | 'stale' | 'lacks';

/** When it is to be signed anew. */
export function renewListAt({ thisUpdate, nextUpdate }: Pick<RootList, 'thisUpdate' | 'nextUpdate'>): Instant {
  return thisUpdate + Math.floor((nextUpdate - thisUpdate) / 2);
}

/** Of the revoked ones those that the list does not name. */
export function unlisted<R extends Pick<RevokedIssuing, 'serial'>>(
  { entries }: Pick<RootList, 'entries'>,
  revoked: readonly R[],
): R[] {
  const named = new Set(entries.map(({ serial }) => serial));
  return revoked.filter(({ serial }) => !named.has(serial));
}

/** Why a list of this root is to be signed now; null: the one that is out is good. */
export function causeToSignRootList(
  list: RootList | null,
  revoked: readonly RevokedIssuing[],
  now: Instant,
): RootListCause | null {
  if (!list) return 'missing';
  if (unlisted(list, revoked).length > 0) return 'lacks';
  return list.thisUpdate > now || now >= renewListAt(list) ? 'stale' : null;
}

/**
 * The next list. Its number is the greater of the last plus one and the Unix time, so that a home restored from a backup repeats none
 * (RFC 5280, 5.2.3). What was once on a list stays: a list that was made elsewhere may name what the ledger does not know.
 */
export function nextRootList(
  root: Dated,
  list: Pick<RootList, 'number' | 'entries'> | null,
  revoked: readonly RevokedIssuing[],
  now: Instant,
): Omit<RootList, 'root'> {
  const thisUpdate = toSeconds(now) * 1_000;
  const known = list?.entries ?? [];
  const added = unlisted({ entries: known }, revoked).map(({ serial, revokedAt, reason }) => ({
    serial,
    revokedAt: toSeconds(revokedAt) * 1_000,
    reason,
  }));
  return {
    number: Math.max((list?.number ?? 0) + 1, toSeconds(now)),
    thisUpdate,
    // A second at least: dates in a list have no parts of one.
    nextUpdate: thisUpdate + Math.max(1, toSeconds(rootListValidityMs(root))) * 1_000,
    entries: [...known, ...added],
  };
}

/** What a file or URL of a root is called: `root`, then `root-2` and so on. */
export function rootName(number: number): string {
  return number === 1 ? 'root' : `root-${number}`;
}
