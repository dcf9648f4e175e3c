import { describe, expect, it } from 'vitest';
import { classDefaults } from '../../src/config/schema.ts';
import { parseSpan } from '../../src/domain/time.ts';
import { follow, foresee, lifeOf } from '../../src/simulator/lapses/run.ts';
import { twoThirds } from '../../src/simulator/lapses/schedules.ts';
import { defaultShare, simulate } from '../../src/simulator/lapses/simulation.ts';
import { day, World, year } from '../../src/simulator/lapses/world.ts';

const world = new World(7, 5 * year);
const fleet = Array.from({ length: 300 }, (_, index) => lifeOf(world, index));

describe('the world', () => {
  it('has connections in order of time, none of them while the device is away', () => {
    for (const { device, stays } of fleet) {
      const disordered = stays.filter(({ from, to }, i) => to < from || from < (stays[i - 1]?.to ?? 0));
      expect(disordered).toEqual([]);
      const absent = stays.filter(({ from, to }) =>
        device.away.some((each) => (each.from <= from && from < each.to) || (from < each.from && each.from < to)),
      );
      expect(absent).toEqual([]);
    }
  });
});

describe('the clairvoyant', () => {
  it('never has more lapses than a schedule, whatever the seed', () => {
    for (const life of fleet) {
      expect(foresee(world, life).lapses).toBeLessThanOrEqual(follow(world, life, twoThirds).lapses);
    }
  });

  it('lapses exactly where two chances lie further apart than a certificate lives', () => {
    for (const life of fleet) {
      const { index, device, stays } = life;
      let last = 0;
      let apart = 0;
      for (const stay of stays) {
        const first = world.firstSuccess(index, stay, stay.from);
        if (first === null) continue;
        if (first - last >= device.lifetimeMs) apart += 1;
        last = world.lastSuccess(index, stay, stay.to) ?? first;
      }
      expect(foresee(world, life).lapses).toBe(apart);
    }
  });
});

describe('the simulation', () => {
  const result = simulate({ devices: 4_000, years: 5, seed: 3 });
  const [thirty, thirds, , ours, best] = result.schedules;

  it('gives the same world for the same seed', () => {
    expect(simulate({ devices: 200, years: 2, seed: 3 })).toEqual(simulate({ devices: 200, years: 2, seed: 3 }));
    expect(simulate({ devices: 200, years: 2, seed: 3 })).not.toEqual(simulate({ devices: 200, years: 2, seed: 4 }));
  });

  it('has the default of the configuration', () => {
    expect(parseSpan(classDefaults.renewAt)).toEqual({ kind: 'share', share: defaultShare });
  });

  it('counts every device once', () => {
    expect(result.cadences.reduce((sum, { devices }) => sum + devices, 0)).toBe(4_000);
    for (const [i, { lapses }] of result.schedules.entries()) {
      expect(result.cadences.reduce((sum, row) => sum + (row.lapses[i] ?? 0), 0)).toBe(lapses);
    }
  });

  it('has a tenth of the avoidable lapses of the better fixed rule at most, at less than twice its renewals, by default', () => {
    if (!thirty || !thirds || !ours || !best) throw new Error('a schedule is missing');
    const better = thirty.lapses <= thirds.lapses ? thirty : thirds;
    expect(ours.lapses - best.lapses).toBeLessThan((better.lapses - best.lapses) / 10);
    expect(ours.renewals).toBeLessThan(2 * better.renewals);
    expect(best.renewals).toBeLessThan(ours.renewals);
  });

  it('has certificates that live for weeks', () => {
    for (const { device } of fleet) expect(device.lifetimeMs).toBeGreaterThan(30 * day);
  });
});
