// How rarely a device comes back: a compact record of the gaps between its connections, and how early its renewal must begin
// so that a device which comes back as rarely as it has still finishes in time.

/** Gaps are counted in classes a third of an octave wide, from a minute up: 64 classes reach just short of four years, and what is longer counts as that. */
const gapClasses = 64;
const classesPerOctave = 3;
export const leastGapMs = 60_000;

/** At this many gaps all counts are halved: what a device did long ago gives way to what it does now. */
const gapsRemembered = 64;
/** Each stretch of this length that a device stays connected counts as one more return, after the shortest gap. */
const returnEveryMs = 86_400_000;

/** The share of its gaps that are no longer than the one planned with. */
const planShare = 0.95;
/** Connections a device must have left before its certificate ends, at the gap planned with. */
const chancesLeast = 3;
/** The part of a certificate's life in which no replacement begins, however rarely its device comes: replacements would chase each other. */
const restShare = 0.1;
/** The same for the longest gap alone: what happened once may cost some more renewals, and not ten times. */
const restShareForLongest = 0.2;
/** A gap like the longest one may be half as long again. */
const longestMargin = 1.5;

/** Counts of gaps by class, one byte each; then their sum, and the class of the longest ever, plus one. Empty: never seen to come back. */
export type GapRecord = Uint8Array;

/** The record of a device that was never seen to come back. */
export const neverCameBack: GapRecord = new Uint8Array();

const totalAt = gapClasses;
const longestAt = gapClasses + 1;
const recordBytes = gapClasses + 2;

/** The longest gap of each class, in milliseconds. */
const lengths = Float64Array.from({ length: gapClasses }, (_, i) => leastGapMs * 2 ** (i / classesPerOctave));

function lengthOf(gapClass: number): number {
  return lengths[gapClass] ?? 0;
}

function classOf(gapMs: number): number {
  if (gapMs <= leastGapMs) return 0;
  let gapClass = Math.floor(Math.log2(gapMs / leastGapMs) * classesPerOctave);
  while (gapClass < gapClasses - 1 && lengthOf(gapClass) < gapMs) gapClass += 1;
  return Math.min(gapClasses - 1, gapClass);
}

function add(counts: Uint8Array, gapClass: number, times: number): void {
  let total = counts[totalAt] ?? 0;
  while (total > gapsRemembered) {
    total = 0;
    for (let i = 0; i < gapClasses; i += 1) {
      const half = (counts[i] ?? 0) >> 1;
      counts[i] = half;
      total += half;
    }
  }
  counts[gapClass] = (counts[gapClass] ?? 0) + times;
  counts[totalAt] = total + times;
}

/**
 * The record after a device that had been connected for `stayedMs` was away for `gapMs`. The record given is not changed.
 */
export function withVisit(record: GapRecord, gapMs: number, stayedMs: number): GapRecord {
  const counts = new Uint8Array(recordBytes);
  counts.set(record.subarray(0, counts.length));
  const gapClass = classOf(gapMs);
  add(counts, gapClass, 1);
  addStay(counts, stayedMs);
  counts[longestAt] = Math.max(counts[longestAt] ?? 0, gapClass + 1);
  return counts;
}

/** The record after a stay that was not followed by an absence: its days count as returns. The record given is not changed. */
export function withStay(record: GapRecord, stayedMs: number): GapRecord {
  if (stayedMs < returnEveryMs) return record;
  const counts = new Uint8Array(recordBytes);
  counts.set(record.subarray(0, counts.length));
  addStay(counts, stayedMs);
  return counts;
}

function addStay(counts: Uint8Array, stayedMs: number): void {
  const returns = Math.min(gapsRemembered, Math.floor(stayedMs / returnEveryMs));
  if (returns > 0) add(counts, 0, returns);
}

/** What a record tells, in milliseconds; both 0 for a device that was never seen to come back. */
export interface Gaps {
  /** The gap that 95 of 100 of its gaps do not exceed. */
  readonly plannedMs: number;
  readonly longestMs: number;
}

export function gapsOf(record: GapRecord): Gaps {
  const longest = (record[longestAt] ?? 0) - 1;
  if (longest < 0) return { plannedMs: 0, longestMs: 0 };
  const enough = (record[totalAt] ?? 0) * planShare;
  let planned = 0;
  for (let sum = record[0] ?? 0; sum < enough && planned < longest; sum += record[planned] ?? 0) planned += 1;
  return { plannedMs: lengthOf(planned), longestMs: lengthOf(longest) };
}

/** What a due date is reckoned with, in one text: another one, and dates reckoned before have to be reckoned anew. */
export const dueRule = [planShare, chancesLeast, restShare, restShareForLongest, longestMargin].join(' ');

/** What has a replacement due when it is. */
export type DueBy = 'policy' | 'planned_gap' | 'longest_gap';

/**
 * When the replacement of a certificate is due for a device with these gaps: at `policyAt`, where the policy has it, or so much
 * earlier that three gaps of the planned length, or one and a half of the longest there was, still fit before its end. Unix milliseconds.
 */
export function dueFor(
  certificate: { readonly notBefore: number; readonly notAfter: number },
  policyAt: number,
  { plannedMs, longestMs }: Gaps,
): { readonly at: number; readonly by: DueBy } {
  const { notBefore, notAfter } = certificate;
  const lifeMs = Math.max(0, notAfter - notBefore);
  const forPlanned = Math.max(notAfter - chancesLeast * plannedMs, notBefore + lifeMs * restShare);
  const forLongest = Math.max(notAfter - longestMargin * longestMs, notBefore + lifeMs * restShareForLongest);
  const at = Math.floor(Math.min(policyAt, forPlanned, forLongest));
  if (policyAt <= Math.min(forPlanned, forLongest)) return { at, by: 'policy' };
  return { at, by: forPlanned <= forLongest ? 'planned_gap' : 'longest_gap' };
}

/** The moment of {@link dueFor} alone. */
export function dueByGaps(...facts: Parameters<typeof dueFor>): number {
  return dueFor(...facts).at;
}

/**
 * How long until a device is expected back that has been away for `awayMs`, 0 while it is connected: the rest of the gap planned
 * with; once it is away for longer than that, as long again as it was. Milliseconds.
 */
export function expectedMs({ plannedMs }: Gaps, awayMs: number): number {
  // Nothing says that it will not be as long again.
  return awayMs < plannedMs ? plannedMs - awayMs : awayMs;
}

/**
 * Time left before a certificate lapses, less the time until its device is expected back: below zero it goes dark unless it is
 * luckier than it has been. `awayMs`: how long it has been away by now, 0 while it is connected. Milliseconds.
 */
export function slackMs(notAfter: number, now: number, gaps: Gaps, awayMs: number): number {
  return notAfter - now - expectedMs(gaps, awayMs);
}
