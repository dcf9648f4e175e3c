import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gapsOf } from '../../src/domain/presence.ts';
import {
  type Absence,
  absentMs,
  afterComing,
  afterLeaving,
  awayMs,
  endsGap,
  untilNow,
  type Visits,
  withAbsence,
} from '../../src/domain/visits.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const stop = (from: number, to: number): Absence => ({ from, to, stopped: true });
const leap = (from: number, to: number): Absence => ({ from, to, stopped: false });

/** Visits as (came, left); one whose leaving nobody saw has no left. */
function seen(absences: readonly Absence[], ...visits: readonly (readonly [number, number?])[]): Visits {
  let known: Visits | null = null;
  for (const [came, left] of visits) {
    known = afterComing(known, absences, came);
    if (left !== undefined) known = afterLeaving(known, left);
  }
  if (!known) throw new Error('no visits');
  return known;
}

const longestMs = ({ gaps }: Visits): number => gapsOf(gaps).longestMs;

/** Longer than the gap by a class at most. */
function expectGap(visits: Visits, gapMs: number): void {
  expect(longestMs(visits)).toBeGreaterThanOrEqual(gapMs);
  expect(longestMs(visits)).toBeLessThan(Math.max(minute, gapMs * 1.27) + 1);
}

describe('visits', () => {
  it('tell nothing of gaps at the first', () => {
    expect(seen([], [5 * day])).toEqual({ gaps: new Uint8Array(), cameAt: 5 * day, leftAt: null });
    expect(afterLeaving(null, day)).toEqual({ gaps: new Uint8Array(), cameAt: day, leftAt: day });
  });

  it('are a gap apart', () => {
    expectGap(seen([], [0, minute], [3 * day]), 3 * day - minute);
  });

  it('are one where the break between them is shorter than a minute', () => {
    const visits = seen([], [0, hour], [hour + minute - 1, 2 * hour], [2 * hour + 1]);
    expect(visits).toEqual({ gaps: new Uint8Array(), cameAt: 0, leftAt: null });
    expect(longestMs(afterComing(afterLeaving(visits, 3 * hour), [], 3 * hour + minute))).toBe(minute);
  });

  it('count what was answered to a call only as far as the call goes back', () => {
    const known = seen([], [0, minute]);
    expectGap(afterComing(known, [], 40 * day, 5 * minute), 5 * minute);
    expect(longestMs(afterComing(known, [], 40 * day, 30_000))).toBe(0);
    expectGap(afterComing(known, [], 2 * day, 40 * day), 2 * day - minute);
  });

  it('keep to the time before, when the clock was set back', () => {
    expect(seen([], [10 * day, 11 * day], [day])).toMatchObject({ cameAt: day, leftAt: null });
    expect(seen([], [10 * day], [day, 2 * day])).toMatchObject({ cameAt: day, leftAt: 2 * day });
    expect(longestMs(seen([], [10 * day, 11 * day], [day]))).toBe(0);
  });
});

describe("the broker's own absence", () => {
  it('is taken from the gap it lies in, whole or in part', () => {
    const within = [stop(3 * day, 5 * day)];
    expectGap(seen(within, [0, day], [8 * day]), 5 * day);
    expectGap(seen(within, [0, 4 * day], [8 * day]), 3 * day);
    expect(longestMs(seen(within, [0, 3 * day], [5 * day]))).toBe(0);
  });

  it('ends the sessions that were not seen to end, each with the stop that followed it', () => {
    const absences = [stop(3 * day, 4 * day), stop(10 * day, 11 * day)];
    // Always on: comes back right after each start.
    const always = seen(absences, [0], [4 * day + 1], [11 * day + 1]);
    expect(longestMs(always)).toBe(0);
    expect(always).toMatchObject({ cameAt: 11 * day + 1, leftAt: null });
    // Here when it stopped, and back only two days after the second start.
    expectGap(seen(absences, [0], [13 * day]), 8 * day);
    expect(awayMs(seen(absences, [0], [5 * day]), absences, 12 * day)).toBe(day);
  });

  it('lets days of a stay count as returns although the broker was restarted within it', () => {
    const restarts = [30, 60, 90].map((at) => stop(at * day, at * day + 5_000));
    const visits = seen(
      restarts,
      [0],
      [30 * day + 6_000],
      [60 * day + 6_000],
      [90 * day + 6_000, 95 * day],
      [97 * day],
    );
    expect(gapsOf(visits.gaps).plannedMs).toBe(minute);
    expectGap(visits, 2 * day);
  });

  it('that a crash made begins where it was last known to be alive, though the device came after that', () => {
    const crash = [stop(10 * day, 10 * day + hour)];
    const visits = seen(crash, [0, day], [10 * day + 20_000]);
    expect(awayMs(visits, crash, 10 * day + 2 * hour)).toBe(hour);
  });

  it('does not end a stay a second time', () => {
    // It left after the stop, although nobody saw it come back, and was away for a moment.
    const brief = seen([stop(0, 1)], [0, 5_000], [5_010]);
    expect(longestMs(afterComing(brief, [stop(0, 1)], 95_000))).toBe(0);
  });

  it('is no stop where only the clock was set forward', () => {
    const absences = [leap(day, 96 * day)];
    expect(seen(absences, [0], [97 * day])).toMatchObject({ cameAt: 0, leftAt: null });
    expectGap(seen(absences, [0, hour], [97 * day]), 2 * day - hour);
  });

  it('is forgotten as far as it lies ahead, when the clock is set back', () => {
    expect(untilNow([stop(1, 5), leap(10, 20), leap(30, 40)], 15)).toEqual([stop(1, 5), leap(10, 15), leap(15, 15)]);
  });

  it('is kept for the 256 longest and the newest, in order and without overlaps', () => {
    const stops = fc.array(fc.tuple(fc.nat(1_000), fc.nat(1_000), fc.boolean()), { minLength: 1, maxLength: 600 });
    fc.assert(
      fc.property(stops, (each) => {
        let absences: readonly Absence[] = [];
        let at = 0;
        for (const [up, down, stopped] of each) {
          at += up + down;
          // As a crash has it: it may begin before the last one ended.
          absences = withAbsence(absences, { from: at - down - 100, to: at, stopped });
        }
        expect(absences.length).toBeLessThanOrEqual(256);
        expect(absences.at(-1)?.to).toBe(at);
        for (const [i, { from, to }] of absences.entries()) {
          expect(from).toBeLessThanOrEqual(to);
          expect(from).toBeGreaterThanOrEqual(absences[i - 1]?.to ?? -100);
        }
        expect(absentMs(absences, -1_000, at)).toBeLessThanOrEqual(at + 100);
      }),
      { numRuns: 40 },
    );
  });
});

describe('whatever comes and goes', () => {
  const happenings = fc.array(
    fc.record({
      afterMs: fc.integer({ min: 0, max: 40 * day }),
      what: fc.constantFrom('comes', 'leaves', 'stops', 'leaps'),
    }),
    { maxLength: 60 },
  );

  it('no gap is longer than the time the broker was there between two comings', () => {
    fc.assert(
      fc.property(happenings, (each) => {
        let absences: readonly Absence[] = [];
        let known: Visits | null = null;
        let at = 0;
        let servedMs = 0;
        let most = 0;
        for (const { afterMs, what } of each) {
          if (what === 'stops' || what === 'leaps') {
            absences = withAbsence(absences, { from: at, to: at + afterMs, stopped: what === 'stops' });
          } else servedMs += afterMs;
          at += afterMs;
          if (what === 'leaves') known = known && afterLeaving(known, at);
          if (what !== 'comes') continue;
          if (known) expect(endsGap(known, absences, at)).toBe(awayMs(known, absences, at) >= minute);
          if (known) most = Math.max(most, servedMs);
          servedMs = 0;
          known = afterComing(known, absences, at);
        }
        if (known) expect(longestMs(known)).toBeLessThan(Math.max(minute, most * 1.27) + 1);
      }),
    );
  });
});
