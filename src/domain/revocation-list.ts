// When a revocation list is signed anew, how it is numbered and which expired certificates it still lists (RFC 5280, 3.3 and 5.2.3).
// Each issuing CA has a complete list, and shards: lists of the certificates that name their URL.
import { firstIssuer } from './issuing-slots.ts';
import { type Instant, toSeconds } from './time.ts';

/** The number of the complete list of the first issuing CA among the shards. */
export const completeList = 0;

/** The number of an issuing CA's complete list: 0, -1, -2 and so on; shards are numbered from 1, those of all together. */
export function completeListOf(issuer: number): number {
  return completeList - (issuer - firstIssuer);
}

export function issuerOfComplete(shard: number): number {
  return firstIssuer - shard;
}

export function isComplete({ shard }: Pick<RevocationList, 'shard'>): boolean {
  return shard <= completeList;
}

/** What the URLs of the shards of an issuing CA begin with. `base`: those of the first, which ends with a slash. */
export function shardBaseOf(base: string, issuer: number): string {
  return issuer === firstIssuer ? base : `${base.slice(0, -1)}-${issuer}/`;
}

/** A list as it is out, and what it has not been told yet. */
export interface RevocationList {
  /** {@link completeListOf} its issuing CA, or the shard's number, from 1. */
  readonly shard: number;
  /** The number of the issuing CA that signs it. */
  readonly issuer: number;
  /** As the certificates in its scope name it; null for the complete list, which names none. */
  readonly url: string | null;
  /** How many certificates name the shard. */
  readonly certificates: number;
  /** The last notAfter of those; 0 when there is none. */
  readonly lastNotAfter: Instant;
  /** CRL number of the one that is out; 0: none was signed yet. */
  readonly number: number;
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant;
  /** thisUpdate of the last one that was signed because its time had come, and not because of a revocation. */
  readonly scheduledAt: Instant;
  readonly entries: number;
  /** Of its DER. */
  readonly bytes: number;
  /** Revocations in its scope so far, and those of them for another reason than `superseded`. */
  readonly revoked: number;
  readonly urgent: number;
  /** The same two when the one that is out was signed. */
  readonly listedRevoked: number;
  readonly listedUrgent: number;
}

/** What one signing settles. */
export interface Signing {
  readonly number: number;
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant;
  readonly scheduledAt: Instant;
  /** Certificates that ended before this are left out. */
  readonly listedFrom: Instant;
}

/**
 * `stale`: none is out, half its time has passed, or it is of the future. `urgent`: it lacks a revocation that others must hear of.
 * `routine`: it lacks what was only superseded.
 */
export type SigningCause = 'stale' | 'urgent' | 'routine';

/** A list is not signed again for so long after the last time: a second, and longer where signing takes longer. */
const pauseLeastMs = 1_000;
const pauseMsAnEntry = 1 / 20;

/** Share of a list's validity that what was superseded may wait at most. */
const waitShareMax = 1 / 4;

/** How long what was only superseded waits to be listed, given what is configured. */
export function routineWaitMs(intervalMs: number, validityMs: number): number {
  return Math.min(intervalMs, Math.floor(validityMs * waitShareMax));
}

/** Milliseconds from the beginning of one signing to that of the next: some 40 s with 840,000 entries. */
export function signingPauseMs({ entries }: Pick<RevocationList, 'entries'>): number {
  return Math.max(pauseLeastMs, Math.ceil(entries * pauseMsAnEntry));
}

/** Why a list is to be signed now; null: it is good as it is. `waitMs`: how long what was superseded may wait. */
export function causeToSign(list: RevocationList, now: Instant, waitMs: number): SigningCause | null {
  const { number, thisUpdate, nextUpdate } = list;
  if (number === 0 || thisUpdate > now || now >= thisUpdate + (nextUpdate - thisUpdate) / 2) return 'stale';
  if (list.urgent > list.listedUrgent) return 'urgent';
  if (list.revoked > list.listedRevoked && now >= thisUpdate + waitMs) return 'routine';
  return null;
}

/** May relying parties use the one that is out? */
export function isInForce({ number, thisUpdate, nextUpdate }: RevocationList, now: Instant): boolean {
  return number > 0 && thisUpdate <= now && now < nextUpdate;
}

/**
 * The next one. Its number is the greater of the last plus one and the Unix time, so that a home restored from a backup never goes
 * back to a number that was given (RFC 5280, 5.2.3). An entry stays until it was on a list of the regular schedule that was signed
 * after its certificate had ended (RFC 5280, 3.3).
 */
export function nextSigning(list: RevocationList, now: Instant, validityMs: number): Signing {
  const isFirst = list.number === 0;
  const isScheduled = isFirst || list.scheduledAt > now || now >= list.scheduledAt + validityMs / 2;
  return {
    number: Math.max(list.number + 1, toSeconds(now)),
    thisUpdate: now,
    nextUpdate: now + validityMs,
    scheduledAt: isScheduled ? now : list.scheduledAt,
    listedFrom: isFirst ? now : Math.min(list.scheduledAt, now),
  };
}

/**
 * Is a shard of no more use: has a list of the regular schedule been signed since the last of its certificates ended? One that was signed
 * by a clock that was ahead says nothing of that.
 */
export function isSpent({ shard, number, lastNotAfter, scheduledAt }: RevocationList, now: Instant): boolean {
  return !isComplete({ shard }) && number > 0 && scheduledAt <= now && lastNotAfter < scheduledAt;
}

/** How long a shard must have been spent, by a clock that nobody sets, before it is forgotten: a wrong time is noticed by then. */
export const spentMs = 24 * 3_600_000;

/**
 * Does a new certificate name a shard? Only when the complete list has grown.
 * @param shardAbove entries of the complete list, and certificates of a shard.
 */
export function mustShard(complete: RevocationList, shardAbove: number): boolean {
  return complete.entries >= shardAbove;
}

/** Has this shard room, and is it where new certificates say? `base`: what its URL begins with. */
export function takesMore(
  { shard, url, number, certificates }: RevocationList,
  shardAbove: number,
  base: string,
): boolean {
  return !isComplete({ shard }) && number > 0 && certificates < shardAbove && url?.startsWith(base) === true;
}
