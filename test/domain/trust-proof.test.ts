import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GapRecord, gapsOf, withVisit } from '../../src/domain/presence.ts';
import {
  confirmationOf,
  confirmations,
  provedBy,
  type TrustProgress,
  type UnprovedFacts,
  unprovedReason,
} from '../../src/domain/trust-proof.ts';
import { day, noon } from './samples.ts';

const nothing: TrustProgress = { offeredAt: null, storedAt: null, provedAt: null, reopenedAt: null, visits: 0 };
const offered: TrustProgress = { ...nothing, offeredAt: noon };
const stored: TrustProgress = { ...offered, storedAt: noon + 1 };
const proved: TrustProgress = { ...stored, provedAt: noon + 2 };

it.each<[TrustProgress, string]>([
  [nothing, 'none'],
  [offered, 'offered'],
  [stored, 'stored'],
  [proved, 'proved'],
  [{ ...nothing, provedAt: noon }, 'proved'],
])('%o is as far as %s', (progress, confirmation) => {
  expect(confirmationOf(progress)).toBe(confirmation);
});

describe('who will not make it', () => {
  const endsAt = noon + 365 * day;
  const every = (days: number): GapRecord =>
    Array.from({ length: 8 }).reduce<GapRecord>((record) => withVisit(record, days * day, 0), new Uint8Array());
  const facts = (progress: TrustProgress, days: number, awayDays: number | null): UnprovedFacts => ({
    progress,
    gaps: gapsOf(every(days)),
    awayMs: awayDays === null ? null : awayDays * day,
    stayedMs: 0,
  });
  const told = (each: UnprovedFacts, days: number): UnprovedFacts => ({ ...each, toldFrom: noon - days * day });
  const often = (progress: TrustProgress, visits: number): TrustProgress => ({ ...progress, visits });

  it.each<[string, UnprovedFacts, number, string | null]>([
    ['a device that has proved it', facts(proved, 400, 400), noon, null],
    ['a device that was never seen', facts(nothing, 1, null), noon, 'never_came'],
    ['one that comes every day', facts(nothing, 1, 0.5), noon, null],
    ['one that comes every 60 days, a year ahead', facts(offered, 60, 30), noon, null],
    ['the same 100 days ahead', facts(offered, 60, 30), endsAt - 100 * day, 'too_rare'],
    ['the same, when it keeps the root', facts(stored, 60, 30), endsAt - 100 * day, null],
    ['the same, in the last days', facts(stored, 60, 30), endsAt - 20 * day, 'too_rare'],
    ['one that has been away for longer than ever', facts(stored, 60, 200), endsAt - 150 * day, 'too_rare'],
    ['one that came three times and does not keep it', facts(often(offered, 3), 1, 0), noon, 'not_stored'],
    ['one that came twice and does not keep it', facts(often(offered, 2), 1, 0), noon, null],
    ['one that came three times and does not connect under it', facts(often(stored, 3), 1, 0), noon, 'not_proved'],
    [
      'one that has stayed connected for three days since the offer',
      { ...facts(offered, 1, 0), stayedMs: 9 * day },
      noon + 3 * day,
      'not_stored',
    ],
    [
      'one that stays connected and was offered it two days ago',
      { ...facts(offered, 1, 0), stayedMs: 9 * day },
      noon + 2 * day,
      null,
    ],
    [
      'one that stays connected and keeps it for three days',
      { ...facts(stored, 1, 0), stayedMs: 9 * day },
      noon + 4 * day,
      'not_proved',
    ],
    [
      'one that came today and was offered it long ago',
      { ...facts(offered, 1, 0), stayedMs: day },
      noon + 9 * day,
      null,
    ],
    ['one that was not offered it and comes often', facts(often(nothing, 9), 1, 0), noon, null],
    ['one that came every day for a week and did not listen', told(facts(nothing, 1, 0), 7), noon, 'not_offered'],
    ['one that has come for a day since others are told', told(facts(nothing, 1, 0), 1), noon, null],
    ['one that has not come since others are told', told(facts(nothing, 1, 20), 10), noon, null],
    [
      'one that stays connected and did not listen for three days',
      told({ ...facts(nothing, 400, 0), stayedMs: 9 * day }, 3),
      noon,
      'not_offered',
    ],
  ])('%s: %#', (_, each, now, reason) => {
    expect(unprovedReason(each, endsAt, now)).toBe(reason);
  });

  it('is named from some time on and then until the end, unless it comes', () => {
    const progress = fc.constantFrom(nothing, offered, stored);
    fc.assert(
      fc.property(
        progress,
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 0, max: 300 }),
        (each, days, leftDays) => {
          const before = facts(each, days, 0.5);
          const now = endsAt - leftDays * day;
          const later = { ...before, awayMs: (before.awayMs ?? 0) + day };
          if (unprovedReason(before, endsAt, now) === null) return;
          expect(unprovedReason(later, endsAt, now + day)).not.toBeNull();
        },
      ),
    );
  });

  it('is expected to have proved it after one visit more than it takes to fetch it', () => {
    const { plannedMs } = gapsOf(every(7));
    expect(provedBy(facts(stored, 7, 0), noon)).toBe(noon + plannedMs);
    expect(provedBy(facts(offered, 7, 0), noon)).toBe(noon + 2 * plannedMs);
    expect(provedBy(facts(proved, 7, 0), noon + day)).toBe(noon + 2);
    expect(provedBy(facts(nothing, 7, null), noon)).toBeNull();
  });

  it('gives a reason exactly where no date before the end is foreseen', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(nothing, offered, stored, proved),
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 1, max: 400 }),
        fc.option(fc.integer({ min: 0, max: 500 }), { nil: null }),
        fc.integer({ min: 0, max: 9 }),
        fc.integer({ min: 0, max: 400 }),
        (progress, visits, days, awayDays, stayedDays, leftDays) => {
          const each = { ...facts(often(progress, visits), days, awayDays), stayedMs: stayedDays * day };
          const now = endsAt - leftDays * day;
          const by = provedBy(each, now);
          expect(unprovedReason(each, endsAt, now) === null).toBe(by !== null && (by <= endsAt || progress === proved));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('has one word for each way to be far', () => {
    expect(confirmations.at(-1)).toBe('proved');
  });
});
