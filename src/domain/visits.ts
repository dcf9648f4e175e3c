// What a coming or a leaving makes of what is known of a device's presence. The time in which the broker itself could not be
// reached is nobody's absence, and neither is time that only its clock has skipped.
import { type GapRecord, leastGapMs, withStay, withVisit } from './presence.ts';
import type { Instant } from './time.ts';

/** A stretch of time in which nobody could come. */
export interface Absence {
  readonly from: Instant;
  readonly to: Instant;
  /** Did every session end with it, because the broker stopped? Else its clock was set forward: nobody left. */
  readonly stopped: boolean;
}

/** How a device came last, and the gaps between its visits so far. */
export interface Visits {
  readonly gaps: GapRecord;
  readonly cameAt: Instant;
  /** Null while it is connected; also where the broker stopped before the device left. */
  readonly leftAt: Instant | null;
}

/** Absences remembered: a restart a week for years. Beyond it the shortest is forgotten, and counts as everybody's. */
const absencesMax = 256;

const none: GapRecord = new Uint8Array();

/** How much of the stretch from `from` to `to` nobody could come in. */
export function absentMs(absences: readonly Absence[], from: Instant, to: Instant): number {
  return absences.reduce((sum, each) => sum + Math.max(0, Math.min(to, each.to) - Math.max(from, each.from)), 0);
}

/** The list with one more at its end, in order of time. An absence begins when the last has ended, at the earliest. */
export function withAbsence(absences: readonly Absence[], added: Absence): readonly Absence[] {
  const from = Math.min(added.to, Math.max(added.from, absences.at(-1)?.to ?? added.from));
  const all = [...absences, { ...added, from }];
  if (all.length <= absencesMax) return all;
  // The newest is what ended the sessions that are not known to have ended.
  const lengths = all.slice(0, -1).map((each) => each.to - each.from);
  return all.toSpliced(lengths.indexOf(Math.min(...lengths)), 1);
}

/** The list after the clock was set back to `now`: what lies ahead of it has not been. */
export function untilNow(absences: readonly Absence[], now: Instant): readonly Absence[] {
  return absences.map((each) => ({ ...each, from: Math.min(each.from, now), to: Math.min(each.to, now) }));
}

/** When the device left; null: it did not, as far as is known. A session that was not seen to end ended when the broker stopped. */
export function leftAtOf({ cameAt, leftAt }: Visits, absences: readonly Absence[]): Instant | null {
  if (leftAt !== null) return leftAt;
  const stop = absences.find((each) => each.stopped && each.to > cameAt);
  return stop ? Math.max(stop.from, cameAt) : null;
}

/** For how long a device has been away at `now` that is not connected, without what was the broker's own absence. */
export function awayMs(visits: Visits, absences: readonly Absence[], now: Instant): number {
  const left = leftAtOf(visits, absences) ?? now;
  return Math.max(0, now - left - absentMs(absences, left, now));
}

/** Would a coming at `at` end an absence that counts, or only a break? */
export function endsGap(visits: Visits, absences: readonly Absence[], at: Instant): boolean {
  return awayMs(visits, absences, at) >= leastGapMs;
}

/**
 * What is known of a device that comes at `at`. An absence shorter than a minute is only a break: the stay goes on.
 * @param known null: it never came before.
 * @param calledMs how long ago it was called, where its coming is the answer: it could be reached within that time.
 */
export function afterComing(
  known: Visits | null,
  absences: readonly Absence[],
  at: Instant,
  calledMs: number = Number.POSITIVE_INFINITY,
): Visits {
  if (!known) return { gaps: none, cameAt: at, leftAt: null };
  const left = leftAtOf(known, absences);
  const stay: Visits = { ...known, cameAt: Math.min(known.cameAt, at), leftAt: null };
  if (left === null) return stay;
  const gapMs = Math.min(awayMs(known, absences, at), calledMs);
  const stayedMs = left - known.cameAt;
  if (gapMs >= leastGapMs) return { gaps: withVisit(known.gaps, gapMs, stayedMs), cameAt: at, leftAt: null };
  // A stay ends with the broker, be the break ever so short: it would be taken for the end of the next stay else.
  const stopped = absences.some((each) => each.stopped && each.to > known.cameAt && each.to <= at);
  return stopped ? { gaps: withStay(known.gaps, stayedMs), cameAt: at, leftAt: null } : stay;
}

/** What is known of a device after it left at `at`, or was heard through its gateway for the last time then. */
export function afterLeaving(known: Visits | null, at: Instant): Visits {
  return known ? { ...known, leftAt: Math.max(at, known.cameAt) } : { gaps: none, cameAt: at, leftAt: at };
}
