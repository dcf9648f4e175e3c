import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GapRecord, gapsOf, withVisit } from '../../src/domain/presence.ts';
import {
  afterOffer,
  afterStored,
  afterTrustConnect,
  type Confirming,
  confirmationOf,
  confirmations,
  confirmationsOf,
  isOnOldPort,
  noProgress,
  provedBy,
  type TrustConnect,
  type TrustProgress,
  type UnprovedFacts,
  unprovedReason,
} from '../../src/domain/trust-proof.ts';
import { day, noon } from './samples.ts';

const offered = afterOffer(noProgress, noon);
const stored = afterStored(offered, noon + 1);
const connect = (port: TrustConnect['port'], at: number, isOwn = true): TrustConnect => ({ port, at, isOwn });
const proved = afterTrustConnect(stored, connect('next', noon + 2));
const reopened = afterTrustConnect(proved, connect('old', noon + 3));

describe('a principal', () => {
  it.each<[string, TrustProgress, string, boolean]>([
    ['that was never told', noProgress, 'none', false],
    ['that was offered the root', offered, 'offered', false],
    ['that keeps it', stored, 'stored', false],
    ['that keeps it and comes on the old port', afterTrustConnect(stored, connect('old', noon + 2)), 'stored', true],
    ['that connected under it', proved, 'proved', false],
    ['that connected under it without a word', afterTrustConnect(noProgress, connect('next', noon)), 'proved', false],
    ['that says it keeps what it was never offered', afterStored(noProgress, noon), 'none', false],
    ['that proved it and comes on the old port again', reopened, 'offered', true],
    ['that proves it again', afterTrustConnect(reopened, connect('next', noon + 4)), 'proved', false],
    ['that only met a control', afterTrustConnect(stored, connect('control', noon + 2)), 'stored', false],
    [
      'with a certificate that is not its own',
      afterTrustConnect(stored, connect('next', noon + 2, false)),
      'stored',
      false,
    ],
    [
      'that another claims to be on the old port',
      afterTrustConnect(proved, connect('old', noon + 3, false)),
      'proved',
      false,
    ],
  ])('%s has come so far', (_, progress, confirmation, onOldPort) => {
    expect(confirmationOf(progress)).toBe(confirmation);
    expect(isOnOldPort(progress)).toBe(onOldPort);
  });

  it('is counted once and at its first offer and word, however often they come', () => {
    expect(afterOffer(offered, noon + 5)).toBe(offered);
    expect(afterStored(stored, noon + 5)).toBe(stored);
    expect(reopened).toMatchObject({ offeredAt: noon, reopenedAt: noon + 3, visits: 0 });
  });

  it('has proved the root exactly while its last own CONNECT was on that port, whatever else it said', () => {
    type Said = TrustConnect | 'offer' | 'stored';
    const said: fc.Arbitrary<Said> = fc.oneof(
      fc.constantFrom('offer' as const, 'stored' as const),
      fc.record({
        port: fc.constantFrom('next' as const, 'old' as const, 'control' as const),
        isOwn: fc.boolean(),
        at: fc.nat(),
      }),
    );
    const after = (progress: TrustProgress, each: Said): TrustProgress => {
      if (each === 'offer') return afterOffer(progress, 1);
      return each === 'stored' ? afterStored(progress, 1) : afterTrustConnect(progress, each);
    };
    fc.assert(
      fc.property(fc.array(said, { maxLength: 30 }), (all) => {
        const progress = all.reduce(after, noProgress);
        const last = all.findLast((each) => typeof each === 'object' && each.isOwn && each.port !== 'control');
        const port = typeof last === 'object' ? last.port : null;
        expect(confirmationOf(progress) === 'proved').toBe(port === 'next');
        expect(isOnOldPort(progress)).toBe(port === 'old');
      }),
      { numRuns: 500 },
    );
  });
});

describe('a proof', () => {
  it('stays the first one, however often it comes on the port', () => {
    expect(afterTrustConnect(proved, connect('next', noon + 9))).toBe(proved);
  });
});

describe('the counts', () => {
  const confirming = (progress: TrustProgress, patch: Partial<Confirming> = {}): Confirming => ({
    progress,
    connectsItself: true,
    acceptedUnproved: false,
    acceptedOnOldPort: false,
    ...patch,
  });

  it('have those at least as far, and who stands in the way', () => {
    const all = [
      ...[noProgress, offered, stored, proved, proved].map((each) => confirming(each)),
      confirming(reopened, { acceptedOnOldPort: true }),
      confirming(afterTrustConnect(offered, connect('old', noon + 5)), { acceptedUnproved: true }),
      confirming(noProgress, { connectsItself: false }),
    ];
    expect(confirmationsOf(all)).toEqual({
      active: 7,
      offered: 6,
      stored: 3,
      proved: 2,
      unproved: { count: 5, accepted: 1 },
      onOldPort: { count: 2, accepted: 1 },
    });
  });

  it('fall from step to step, and add up', () => {
    const progress = fc.constantFrom(noProgress, offered, stored, proved, reopened);
    fc.assert(
      fc.property(fc.array(fc.tuple(progress, fc.boolean())), (all) => {
        const counts = confirmationsOf(all.map(([each, connectsItself]) => confirming(each, { connectsItself })));
        const falling = [counts.active, counts.offered, counts.stored, counts.proved];
        expect(falling).toEqual(falling.toSorted((a, b) => b - a));
        expect(counts.proved + counts.unproved.count).toBe(counts.active);
      }),
    );
  });
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
  const often = (progress: TrustProgress, visits: number): TrustProgress => ({ ...progress, visits });

  it.each<[string, UnprovedFacts, number, string | null]>([
    ['a device that has proved it', facts(proved, 400, 400), noon, null],
    ['a device that was never seen', facts(noProgress, 1, null), noon, 'never_came'],
    ['one that comes every day', facts(noProgress, 1, 0.5), noon, null],
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
    ['one that was not offered it and comes often', facts(often(noProgress, 9), 1, 0), noon, null],
  ])('%s: %#', (_, each, now, reason) => {
    expect(unprovedReason(each, endsAt, now)).toBe(reason);
  });

  it('is named from some time on and then until the end, unless it comes', () => {
    const progress = fc.constantFrom(noProgress, offered, stored);
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
    expect(provedBy(facts(noProgress, 7, null), noon)).toBeNull();
  });

  it('has one word for each way to be far', () => {
    expect(confirmations.at(-1)).toBe('proved');
  });
});
