import { describe, expect, it } from 'vitest';
import { World, year } from '../../src/simulator/lapses/world.ts';
import { shares, stacks, traitsOf } from '../../src/simulator/rollover/fleet.ts';
import { followRollover } from '../../src/simulator/rollover/follow.ts';
import { simulateRollover } from '../../src/simulator/rollover/simulation.ts';
import { type Dates, ports, waysFor } from '../../src/simulator/rollover/ways.ts';

const dates: Dates = { distributedAt: year, endsAt: 4 * year };
const seed = 7;
const world = new World(seed, 5 * year);
const ways = waysFor(dates);
const bySlots = ways.at(-1);
const fleet = Array.from({ length: 1_500 }, (_, index) => {
  const device = world.device(index);
  return { index, traits: traitsOf(seed, index), stays: world.stays(index, device) };
});
const rolled = (way = bySlots) => {
  if (!way) throw new Error('there is no way');
  return fleet.map((device) => ({ ...device, ...followRollover(world, device, way, dates) }));
};

describe('a rollover by slots', () => {
  const served = [0, year, 2 * year, 3.5 * year, 4 * year].map((now) => Object.fromEntries(bySlots?.serves(now) ?? []));

  it('has the old root on the first port to its end, and the next alone on the second', () => {
    const both = { [ports.first]: 'old', [ports.second]: 'next' };
    const after = { [ports.first]: 'next', [ports.second]: 'next' };
    expect(served).toEqual([{ [ports.first]: 'old' }, both, both, both, after]);
  });

  it('leaves nobody dark who takes the root and can use it, also with one slot or one port', () => {
    const able = rolled().filter(({ traits, storedAt }) => traits.usesNext && storedAt !== null);
    expect(able.filter(({ darkAt }) => darkAt !== null)).toEqual([]);
    expect(able.some(({ traits }) => traits.together === 1 && !traits.reachesSecondPort)).toBe(true);
  });

  it('leaves nobody dark before the end of the old root', () => {
    const early = rolled().filter(({ darkAt }) => darkAt !== null && darkAt < dates.endsAt);
    expect(early).toEqual([]);
  });

  it('names everybody before they go dark, and nobody who proved in time', () => {
    const all = rolled();
    const dark = all.filter(({ darkAt }) => darkAt !== null);
    expect(dark.length).toBeGreaterThan(10);
    expect(dark.filter(({ namedAt, darkAt }) => namedAt === null || namedAt >= (darkAt ?? 0))).toEqual([]);
    const warnsFrom = bySlots?.warnsFrom ?? 0;
    expect(
      all.filter(({ provedAt, namedAt }) => namedAt !== null && provedAt !== null && provedAt <= warnsFrom),
    ).toEqual([]);
  });

  it('has the proof of each device that keeps the root, can use it and reaches its port, in the visit in which it stored it', () => {
    const able = rolled().filter(
      ({ traits, storedAt }) => traits.usesNext && traits.reachesSecondPort && storedAt !== null,
    );
    expect(able.filter(({ provedAt, storedAt }) => provedAt !== storedAt)).toEqual([]);
    const unusable = rolled().filter(({ traits }) => !traits.usesNext);
    expect(unusable.length).toBeGreaterThan(0);
    expect(unusable.filter(({ provedAt }) => provedAt !== null)).toEqual([]);
  });
});

describe('a switch on a date', () => {
  it('leaves everybody dark who does not hold a root that works, from that day on', () => {
    const all = rolled(ways[0]);
    const at = ways[0]?.changes[0] ?? 0;
    for (const { darkAt, traits } of all) {
      if (darkAt !== null) expect(darkAt).toBeGreaterThanOrEqual(at);
      if (!traits.usesNext || !traits.takesSteps) expect(darkAt).not.toBeNull();
    }
  });
});

describe('the stacks', () => {
  it('fail with a cross certificate as they were measured to', () => {
    const failing = (kind: 'limited' | 'unlimited', given: 'old' | 'next' | 'both') =>
      stacks.filter((stack) => !stack[kind][given]).map(({ name }) => name);
    expect(stacks).toHaveLength(18);
    expect(failing('limited', 'old')).toHaveLength(14);
    expect(failing('limited', 'next')).toEqual(['wolfSSL 5.5, its own defaults']);
    expect(failing('limited', 'both')).toEqual(['GnuTLS 3.7', 'OpenSSL 1.0.2']);
    expect(failing('unlimited', 'old')).toEqual([]);
    for (const given of ['next', 'both'] as const)
      expect(failing('unlimited', given)).toEqual(['wolfSSL 5.5, its own defaults']);
  });

  it('and faults have their shares of the fleet', () => {
    const all = Array.from({ length: 20_000 }, (_, index) => traitsOf(1, index));
    const share = (has: (traits: (typeof all)[number]) => boolean) => all.filter(has).length / all.length;
    expect(share(({ together }) => together === 1)).toBeCloseTo(shares.oneSlot, 1);
    expect(share(({ takesSteps }) => !takesSteps)).toBeCloseTo(shares.takesNone, 2);
    expect(share(({ usesNext }) => !usesNext)).toBeCloseTo(shares.unusable, 2);
    expect(share(({ reachesSecondPort }) => !reachesSecondPort)).toBeCloseTo(shares.onePort, 2);
    for (const { name } of stacks) expect(share(({ stack }) => stack.name === name)).toBeCloseTo(1 / 18, 1);
  });
});

describe('the simulation', () => {
  const result = simulateRollover({ devices: 3_000, years: 3, seed: 3 });

  it('gives the same world for the same seed', () => {
    const small = { devices: 300, years: 2 };
    expect(simulateRollover({ ...small, seed: 3 })).toEqual(simulateRollover({ ...small, seed: 3 }));
    expect(simulateRollover({ ...small, seed: 3 })).not.toEqual(simulateRollover({ ...small, seed: 4 }));
  });

  it('has no way that leaves fewer dark than the two ports, and none else that names them', () => {
    const ours = result.ways.at(-1);
    for (const way of result.ways) {
      expect(way.dark).toBeGreaterThanOrEqual(ours?.dark ?? Number.POSITIVE_INFINITY);
      expect(way.darkNamed).toBe(way === ours ? way.dark : 0);
    }
  });

  it('counts every device once, and has a share proved no later than a larger one', () => {
    const all = result.cadences.at(-1);
    const kinds = result.cadences.slice(0, -1);
    expect(kinds.reduce((sum, { devices }) => sum + devices, 0)).toBe(all?.devices);
    expect(kinds.reduce((sum, { answering }) => sum + answering, 0)).toBe(all?.answering);
    for (const { ninetyNine, ninetyNineNine } of result.cadences) {
      expect(ninetyNine ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(ninetyNineNine ?? Number.POSITIVE_INFINITY);
    }
  });
});
