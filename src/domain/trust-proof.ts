// How far a principal has come with the next root, and who will not have come far enough when the root before it ends. What a
// principal says of itself is only a step on the way: a CONNECT with its own certificate on the next root's port is the proof.
import { expectedMs, type Gaps } from './presence.ts';
import { dayMs, type Instant } from './time.ts';

/** How far a principal has come. Each holds what stands before it. */
export const confirmations = ['none', 'offered', 'stored', 'proved'] as const;
export type Confirmation = (typeof confirmations)[number];

/** What is kept of a principal and one next root. Null: it has not happened, or was undone. */
export interface TrustProgress {
  readonly offeredAt: Instant | null;
  /** When it said, or its site gateway said for it, that it keeps the next root. */
  readonly storedAt: Instant | null;
  readonly provedAt: Instant | null;
  /** Its last CONNECT on the port of the root before. */
  readonly onOldPortAt: Instant | null;
  /** When it came back to the old port although it had proved the next root. */
  readonly reopenedAt: Instant | null;
  /** CONNECTs since it came as far as it is. */
  readonly visits: number;
}

export const noProgress: TrustProgress = {
  offeredAt: null,
  storedAt: null,
  provedAt: null,
  onOldPortAt: null,
  reopenedAt: null,
  visits: 0,
};

/** What a connection showed of its client. */
export interface TrustConnect {
  /** Whose chain the port serves: the next root's, the one's before it, or one that nobody can trust. */
  readonly port: 'next' | 'old' | 'control';
  /**
   * Was the CONNECT admitted, to the full or the renew-only lane, with a certificate that the ledger has as this principal's own? A
   * bootstrap session, a handshake and a refusal prove nothing.
   */
  readonly isOwn: boolean;
  readonly at: Instant;
}

/** After the announcement was sent to it. Sent again, it changes nothing. */
export function afterOffer(progress: TrustProgress, at: Instant): TrustProgress {
  return progress.offeredAt === null ? { ...progress, offeredAt: at, visits: 0 } : progress;
}

/** After it said that it keeps the root. Of a root that it was never offered that says nothing. */
export function afterStored(progress: TrustProgress, at: Instant): TrustProgress {
  if (progress.offeredAt === null || progress.storedAt !== null) return progress;
  return { ...progress, storedAt: at, visits: 0 };
}

/**
 * After a CONNECT. The first on the next root's port is the proof, whatever was said before. One on the old port after that reopens it:
 * the device was reset, or has an old image, and may have forgotten the root. On a control's port it changes nothing.
 */
export function afterTrustConnect(progress: TrustProgress, { port, isOwn, at }: TrustConnect): TrustProgress {
  if (!isOwn || port === 'control') return progress;
  if (port === 'next') return progress.provedAt === null ? { ...progress, provedAt: at, visits: 0 } : progress;
  if (progress.provedAt === null) return { ...progress, onOldPortAt: at, visits: progress.visits + 1 };
  return { ...progress, storedAt: null, provedAt: null, onOldPortAt: at, reopenedAt: at, visits: 0 };
}

/** How far it has come. */
export function confirmationOf({ offeredAt, storedAt, provedAt }: TrustProgress): Confirmation {
  if (provedAt !== null) return 'proved';
  if (storedAt !== null) return 'stored';
  return offeredAt === null ? 'none' : 'offered';
}

/** Was its last CONNECT, as far as is known, on the old port? */
export function isOnOldPort({ provedAt, onOldPortAt }: TrustProgress): boolean {
  return provedAt === null && onOldPortAt !== null;
}

/** Principals that stand in the way of a step, and how many of them an operator has named and accepted. */
export interface Rest {
  readonly count: number;
  readonly accepted: number;
}

/** The active principals that connect themselves, and how far they have come. */
export interface Confirmations {
  readonly active: number;
  /** At least as far as that. */
  readonly offered: number;
  readonly stored: number;
  readonly proved: number;
  readonly unproved: Rest;
  readonly onOldPort: Rest;
}

export interface Confirming {
  readonly progress: TrustProgress;
  /** False: it has no TLS connection of its own, and nothing depends on its root. */
  readonly connectsItself: boolean;
  readonly acceptedUnproved: boolean;
  readonly acceptedOnOldPort: boolean;
}

/** Counts active principals: devices, site gateways and services alike. */
export function confirmationsOf(principals: Iterable<Confirming>): Confirmations {
  const counts = { active: 0, offered: 0, stored: 0, proved: 0 };
  const unproved = { count: 0, accepted: 0 };
  const onOldPort = { count: 0, accepted: 0 };
  const add = (rest: { count: number; accepted: number }, isAccepted: boolean): void => {
    rest.count += 1;
    if (isAccepted) rest.accepted += 1;
  };
  for (const { progress, connectsItself, acceptedUnproved, acceptedOnOldPort } of principals) {
    if (!connectsItself) continue;
    const rank = confirmations.indexOf(confirmationOf(progress));
    counts.active += 1;
    if (rank >= 1) counts.offered += 1;
    if (rank >= 2) counts.stored += 1;
    if (rank >= 3) counts.proved += 1;
    else add(unproved, acceptedUnproved);
    if (isOnOldPort(progress)) add(onOldPort, acceptedOnOldPort);
  }
  return { ...counts, unproved, onOldPort };
}

/** Chances after which it should have come further: as many as a renewal is planned with. */
export const chancesLeast = 3;

/** Why somebody will not have proved the next root in time. */
export const unprovedReasons = {
  never_came: 'it was never seen',
  too_rare: 'it comes too rarely',
  not_stored: 'it came several times and does not keep the next root',
  not_proved: 'it keeps the next root, came several times and never connected under it',
} as const;
export type UnprovedReason = keyof typeof unprovedReasons;

export interface UnprovedFacts {
  readonly progress: TrustProgress;
  readonly gaps: Gaps;
  /** How long it has been away by now, 0 while it is connected; null: it was never seen. */
  readonly awayMs: number | null;
  /** How long it has been connected by now, 0 while it is away. */
  readonly stayedMs: number;
}

/**
 * Had it several chances without coming further? Each CONNECT is one, and each day on which it stayed connected. One that was not
 * offered the root had none.
 */
function isStuck({ progress, stayedMs }: UnprovedFacts, now: Instant): boolean {
  const since = progress.storedAt ?? progress.offeredAt;
  if (since === null) return false;
  const days = Math.floor(Math.min(stayedMs, now - since) / dayMs);
  return progress.visits + Math.max(0, days) >= chancesLeast;
}

/** Visits that are needed until it has proved: one to fetch the root, and one to prove it where the first was too short for both. */
const visitsNeeded: Readonly<Record<Confirmation, number>> = { none: 2, offered: 2, stored: 1, proved: 0 };

/**
 * When a principal has proved the next root, if it goes on coming as it has; null: never, as far as that tells. Unix milliseconds.
 * Reckoned from the gaps that its renewals are planned with.
 */
export function provedBy(facts: UnprovedFacts, now: Instant): Instant | null {
  const { progress, gaps, awayMs } = facts;
  const needed = visitsNeeded[confirmationOf(progress)];
  if (needed === 0) return progress.provedAt;
  if (awayMs === null || isStuck(facts, now)) return null;
  return now + expectedMs(gaps, awayMs) + (needed - 1) * gaps.plannedMs;
}

/** Who will not have proved the next root when the one before it ends at `endsAt`, and why; null: nothing says so. */
export function unprovedReason(facts: UnprovedFacts, endsAt: Instant, now: Instant): UnprovedReason | null {
  const confirmation = confirmationOf(facts.progress);
  if (confirmation === 'proved') return null;
  if (facts.awayMs === null) return 'never_came';
  if (isStuck(facts, now)) return confirmation === 'stored' ? 'not_proved' : 'not_stored';
  return (provedBy(facts, now) ?? Number.POSITIVE_INFINITY) > endsAt ? 'too_rare' : null;
}
