// The shares of a fleet and the dates ahead, held against the records of made-up fleets.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RootSlot, RootState } from '../../src/domain/root-slots.ts';
import {
  type CountedWay,
  ProofDates,
  rolloverOf,
  type Shares,
  sharesOf,
  whenProved,
} from '../../src/domain/trust-shares.ts';
import { day, noon } from './samples.ts';

const slot = (number: number, state: RootState, distributedAt: number | null = null): RootSlot => ({
  number,
  state,
  fingerprint: `${number}`.repeat(64) as RootSlot['fingerprint'],
  notBefore: noon,
  notAfter: noon + 100 * day,
  preparedAt: noon,
  distributedAt,
  activatedAt: null,
});

describe('a rollover', () => {
  it.each<[string, RootSlot[], [number, number] | null]>([
    ['with one root', [slot(1, 'current')], null],
    ['with a next root that nobody was told of', [slot(1, 'current'), slot(2, 'next')], null],
    ['with a distributed one', [slot(1, 'current'), slot(2, 'next', noon)], [1, 2]],
    ['with an aborted one before it', [slot(1, 'current'), slot(2, 'aborted', noon), slot(3, 'next', noon)], [1, 3]],
    ['with a former one', [slot(1, 'former'), slot(2, 'current', noon)], [1, 2]],
    ['after it', [slot(1, 'retired'), slot(2, 'current', noon)], null],
  ])('%s', (_, slots, expected) => {
    const found = rolloverOf(slots);
    expect(found && [found.leaves.number, found.towards.number]).toEqual(expected);
  });
});

/** Of one principal, as the ledger counts it. */
interface One {
  readonly gates: boolean;
  readonly last: number;
  readonly way: 'none' | 'offered' | 'stored';
}

function countsOf(fleet: readonly One[], root: number): CountedWay[] {
  return fleet.flatMap(({ gates, last, way }): CountedWay[] => [
    { measure: 'in_service', root: 0, gates, count: 1 },
    ...(last > 1 ? [{ measure: 'last', root: last, gates, count: 1 } as const] : []),
    ...(way !== 'none' && last < root ? [{ measure: way, root, gates, count: 1 } as const] : []),
  ]);
}

const fleets = fc.array(
  fc.record({
    gates: fc.boolean(),
    last: fc.integer({ min: 0, max: 3 }),
    way: fc.constantFrom('none', 'offered', 'stored'),
  } as const),
);

describe('the shares', () => {
  it('fall from step to step, and those that gate have proved it or have not', () => {
    fc.assert(
      fc.property(fleets, (fleet) => {
        const shares = sharesOf(countsOf(fleet, 2), 2);
        const falling = [shares.inService, shares.offered, shares.stored, shares.proved];
        expect(falling).toEqual(falling.toSorted((a, b) => b - a));
        expect(shares.proved).toBe(fleet.filter(({ last }) => last >= 2).length);
        expect(shares.unproved).toBe(fleet.filter(({ gates, last }) => gates && last < 2).length);
        expect(shares.gating).toBe(fleet.filter(({ gates }) => gates).length);
      }),
    );
  });

  it('take nobody who is on the way to another root for one on the way to this', () => {
    const counts: CountedWay[] = [
      { measure: 'in_service', root: 0, gates: true, count: 5 },
      { measure: 'stored', root: 2, gates: true, count: 2 },
      { measure: 'offered', root: 3, gates: true, count: 1 },
    ];
    expect(sharesOf(counts, 3)).toMatchObject({ offered: 1, stored: 0, unproved: 5 });
  });
});

describe('the dates ahead', () => {
  const endsAt = noon + 365 * day;
  const shares = (gating: number, unproved: number): Shares => ({
    ...{ inService: gating, gating, unproved },
    ...{ offered: 0, stored: 0, proved: gating - unproved },
  });

  it('say by when a share has proved, never early, and later by less than a step', () => {
    const step = (365 * day) / 4_096;
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 40 }), fc.nat(40), (days, proved) => {
        const dates = new ProofDates(noon, endsAt);
        for (const each of days) dates.add(noon + each * day);
        const [all, half] = [1, 0.5].map((share) =>
          whenProved(dates, shares(days.length + proved, days.length), share),
        );
        const sorted = days.toSorted((a, b) => a - b);
        const exact = (wanted: number): number | null => {
          const last = wanted <= 0 ? 0 : (sorted[wanted - 1] ?? 400);
          return last > 365 ? null : noon + last * day;
        };
        for (const [found, wanted] of [
          [all, days.length],
          [half, Math.ceil((days.length + proved) / 2) - proved],
        ] as const) {
          const expected = exact(wanted);
          if (expected === null) expect(found).toBeNull();
          else {
            expect(found).toBeGreaterThanOrEqual(expected);
            expect(found).toBeLessThanOrEqual(expected + step + 1);
          }
        }
      }),
    );
  });

  it('are none where somebody will not have proved before the end', () => {
    const dates = new ProofDates(noon, endsAt);
    for (let i = 0; i < 99; i += 1) dates.add(noon + day);
    expect(whenProved(dates, shares(100, 100), 0.99)).toBeGreaterThanOrEqual(noon + day);
    expect(whenProved(dates, shares(100, 100), 1)).toBeNull();
    expect(whenProved(dates, shares(100, 0), 1)).toBe(noon);
  });

  it('are told after the end too, when the end has passed', () => {
    const dates = new ProofDates(endsAt + day, endsAt);
    dates.add(endsAt + day);
    expect(whenProved(dates, shares(1, 1), 1)).toBe(endsAt + day);
  });
});
