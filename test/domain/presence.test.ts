import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dueByGaps, type GapRecord, gapsOf, slackMs, withVisit } from '../../src/domain/presence.ts';

const hour = 3_600_000;
const day = 24 * hour;
const none: GapRecord = new Uint8Array();

const recordOf = (...gaps: readonly number[]): GapRecord =>
  gaps.reduce<GapRecord>((record, gapMs) => withVisit(record, gapMs, 0), none);

const gapMs = fc.integer({ min: 0, max: 3 * 365 * day });
const record = fc
  .array(fc.tuple(gapMs, fc.integer({ min: 0, max: 400 * day })), { maxLength: 200 })
  .map((visits) => visits.reduce<GapRecord>((sum, [gap, stay]) => withVisit(sum, gap, stay), none));

describe('the record of gaps', () => {
  it('knows nothing of a device that was never seen to come back', () => {
    expect(gapsOf(none)).toEqual({ plannedMs: 0, longestMs: 0 });
  });

  it('takes 66 bytes, and leaves the one it was made from as it was', () => {
    const first = recordOf(day);
    const before = first.slice();
    expect(withVisit(first, hour, 0)).toHaveLength(66);
    expect(first).toEqual(before);
  });

  it('plans with the gap that 95 of 100 do not exceed', () => {
    const { plannedMs, longestMs } = gapsOf(recordOf(...Array(39).fill(day), 40 * day));
    expect(plannedMs).toBeGreaterThanOrEqual(day);
    expect(plannedMs).toBeLessThan(1.3 * day);
    expect(longestMs).toBeGreaterThanOrEqual(40 * day);
    expect(longestMs).toBeLessThan(52 * day);
  });

  it('gives way to what the device does now', () => {
    const monthly = recordOf(...Array(20).fill(30 * day));
    expect(gapsOf(monthly).plannedMs).toBeGreaterThanOrEqual(30 * day);
    const hourly = Array(2_000)
      .fill(hour)
      .reduce<GapRecord>((sum, gap: number) => withVisit(sum, gap, 0), monthly);
    expect(gapsOf(hourly).plannedMs).toBeLessThan(2 * hour);
    expect(gapsOf(hourly).longestMs).toBeGreaterThanOrEqual(30 * day);
  });

  it('counts each day of a connection as a return', () => {
    const cutOffThrice = [2, 3, 2].reduce<GapRecord>((sum, days) => withVisit(sum, days * day, 100 * day), none);
    expect(gapsOf(cutOffThrice).plannedMs).toBeLessThanOrEqual(60_000);
    expect(gapsOf(cutOffThrice).longestMs).toBeGreaterThanOrEqual(3 * day);
  });

  it('plans with nothing shorter than most gaps and nothing longer than the longest, up to a class', () => {
    fc.assert(
      fc.property(fc.array(gapMs, { minLength: 1, maxLength: 60 }), (gaps) => {
        const { plannedMs, longestMs } = gapsOf(recordOf(...gaps));
        const sorted = gaps.toSorted((a, b) => a - b);
        expect(plannedMs).toBeGreaterThanOrEqual(sorted[Math.ceil(gaps.length * 0.95) - 1] ?? 0);
        expect(longestMs).toBeGreaterThanOrEqual(sorted.at(-1) ?? 0);
        expect(longestMs).toBeLessThan(Math.max(60_000, (sorted.at(-1) ?? 0) * 1.27) + 1);
        expect(plannedMs).toBeLessThanOrEqual(longestMs);
      }),
    );
  });
});

describe('when a replacement is due', () => {
  const certificate = { notBefore: 1_000 * day, notAfter: 1_090 * day };
  const policyAt = 1_060 * day;

  it('is when the policy says, for a device that comes often enough', () => {
    expect(dueByGaps(certificate, policyAt, gapsOf(none))).toBe(policyAt);
    expect(dueByGaps(certificate, policyAt, gapsOf(recordOf(day, day, day)))).toBe(policyAt);
  });

  it('leaves three gaps before the end', () => {
    const gaps = gapsOf(recordOf(...Array(10).fill(15 * day)));
    const due = dueByGaps(certificate, policyAt, gaps);
    expect(certificate.notAfter - due).toBeGreaterThanOrEqual(45 * day);
    expect(due).toBeLessThan(policyAt);
  });

  it('never lies outside of the certificate, after the policy, or in the first tenth of its life', () => {
    const validity = fc
      .tuple(fc.integer({ min: 0, max: 2e12 }), fc.integer({ min: 10_000, max: 1e11 }))
      .map(([notBefore, life]) => ({ notBefore, notAfter: notBefore + life }));
    fc.assert(
      fc.property(validity, fc.double({ min: 0.2, max: 1, noNaN: true }), record, (each, share, seen) => {
        const life = each.notAfter - each.notBefore;
        const at = Math.floor(each.notBefore + life * share);
        const due = dueByGaps(each, at, gapsOf(seen));
        expect(due).toBeLessThanOrEqual(at);
        expect(due).toBeGreaterThanOrEqual(Math.floor(each.notBefore + life / 10));
      }),
    );
  });
});

describe('slack', () => {
  const gaps = gapsOf(recordOf(...Array(10).fill(10 * day)));

  it('is what is left beyond the rest of the gap the device is in', () => {
    const rest = slackMs(100 * day, 80 * day, gaps, 0);
    expect(rest).toBe(20 * day - gaps.plannedMs);
    expect(slackMs(100 * day, 80 * day, gaps, 4 * day)).toBe(rest + 4 * day);
  });

  it('shrinks again for one that is away longer than it ever planned to be', () => {
    expect(slackMs(100 * day, 80 * day, gaps, 25 * day)).toBe(-5 * day);
  });

  it('is simply the time left for one that never left', () => {
    expect(slackMs(100 * day, 80 * day, gapsOf(none), 0)).toBe(20 * day);
  });
});
