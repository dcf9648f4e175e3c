// When a principal will have proved a root, and who will not have when the root before it ends. How far each has come is kept in its record
// (trust-record.ts); what is foreseen here is reckoned from that and from how it comes.
import { expectedMs, type Gaps } from './presence.ts';
import { dayMs, type Instant } from './time.ts';

/** How far a principal has come. Each holds what stands before it. */
export const confirmations = ['none', 'offered', 'stored', 'proved'] as const;
export type Confirmation = (typeof confirmations)[number];

/** What a principal's record says of its way to one root. Null: it has not happened, or was undone. */
export interface TrustProgress {
  readonly offeredAt: Instant | null;
  /** When it said, or its site gateway said for it, that it keeps the root. */
  readonly storedAt: Instant | null;
  readonly provedAt: Instant | null;
  /** When it came back to an older root although it had proved this one. */
  readonly reopenedAt: Instant | null;
  /** CONNECTs since it came as far as it is. */
  readonly visits: number;
}

/** How far it has come. */
export function confirmationOf({ offeredAt, storedAt, provedAt }: TrustProgress): Confirmation {
  if (provedAt !== null) return 'proved';
  if (storedAt !== null) return 'stored';
  return offeredAt === null ? 'none' : 'offered';
}

/** Principals that stand in the way of a step, and how many of them an operator has named and accepted. */
export interface Rest {
  readonly count: number;
  readonly accepted: number;
}

/** What the slots are judged by: the principals that hold up a step of a root. */
export interface Confirmations {
  /** Those that have to prove the next root before it is activated, and have not. */
  readonly unproved: Rest;
  /** Those whose last CONNECT was under the former root. */
  readonly onOldPort: Rest;
}

/** Chances after which it should have come further: as many as a renewal is planned with. */
export const chancesLeast = 3;

/** Why somebody will not have proved the next root in time. */
export const unprovedReasons = {
  never_came: 'it was never seen',
  too_rare: 'it comes too rarely',
  not_offered: 'it came several times and does not listen for the next root',
  not_stored: 'it came several times and does not keep the next root',
  not_proved: 'it keeps the next root, came several times and never connected under it',
} as const;
export type UnprovedReason = keyof typeof unprovedReasons;

/** What can be done about each. */
export const unprovedRemedies: Readonly<Record<UnprovedReason, string>> = {
  never_came: 'put it into service, or decommission it',
  too_rare: 'have it connect before that, or carry the next root to it (nolapse device package)',
  not_offered: 'give it firmware that takes steps, or carry the next root to it (nolapse device package)',
  not_stored: 'give it firmware that takes steps, or carry the next root to it (nolapse device package)',
  not_proved: 'let it reach the port of the next root, or correct the root that it keeps',
};

export interface UnprovedFacts {
  readonly progress: TrustProgress;
  /** From when on everybody who listens is told of the root; null: not known. */
  readonly toldFrom?: Instant | null;
  readonly gaps: Gaps;
  /** How long it has been away by now, 0 while it is connected; null: it was never seen. */
  readonly awayMs: number | null;
  /** How long it has been connected by now, 0 while it is away. */
  readonly stayedMs: number;
}

/**
 * Had it several chances without coming further? Each CONNECT is one, and each day on which it stayed connected. Of one that was not
 * offered the root no CONNECTs are counted: it came once in each gap that it is planned with, at least.
 */
function isStuck({ progress, toldFrom = null, gaps, awayMs, stayedMs }: UnprovedFacts, now: Instant): boolean {
  const since = progress.storedAt ?? progress.offeredAt ?? toldFrom;
  if (since === null || awayMs === null) return false;
  const isTold = progress.offeredAt !== null || progress.storedAt !== null;
  const comings = gaps.plannedMs > 0 ? Math.floor((now - awayMs - since) / gaps.plannedMs) : 0;
  const days = Math.floor(Math.min(stayedMs, now - since) / dayMs);
  return (isTold ? progress.visits : Math.max(0, comings)) + Math.max(0, days) >= chancesLeast;
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

const stuckReasons: Readonly<Record<Confirmation, UnprovedReason>> = {
  none: 'not_offered',
  offered: 'not_stored',
  stored: 'not_proved',
  proved: 'not_proved',
};

/** Who will not have proved the next root when the one before it ends at `endsAt`, and why; null: nothing says so. */
export function unprovedReason(facts: UnprovedFacts, endsAt: Instant, now: Instant): UnprovedReason | null {
  const confirmation = confirmationOf(facts.progress);
  if (confirmation === 'proved') return null;
  if (facts.awayMs === null) return 'never_came';
  if (isStuck(facts, now)) return stuckReasons[confirmation];
  return (provedBy(facts, now) ?? Number.POSITIVE_INFINITY) > endsAt ? 'too_rare' : null;
}
