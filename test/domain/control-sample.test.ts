// Whom a control is tried on: a small share of each build, the same ones again, and so many in a day.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildOf, ControlSample, sampleOf } from '../../src/domain/control-sample.ts';
import { idOf } from './samples.ts';

interface One {
  readonly id: string;
  readonly build: string;
  readonly isTried: boolean;
}
const fleets = fc
  .array(fc.record({ build: fc.constantFrom('a', 'b', 'c'), isTried: fc.boolean() }), { maxLength: 300 })
  .map((all) => all.map((each, at): One => ({ ...each, id: `d${at}` })));

function sampled(fleet: readonly One[], limit = 1_000, seed = 'seed'): { id: string; build: string }[] {
  const sample = new ControlSample(seed);
  for (const { id, build, isTried } of fleet) sample.add(idOf(id), build, isTried);
  return sample.chosen(limit);
}

describe('the sample', () => {
  it.each([
    [1, 1],
    [100, 1],
    [101, 2],
    [1_000, 10],
    [100_000, 20],
  ])('of %i is %i', (count, size) => {
    expect(sampleOf(count)).toBe(size);
  });

  it('has its share of each build, whatever the order, and nobody who was tried', () => {
    fc.assert(
      fc.property(fleets, (fleet) => {
        const untried = fleet.map((each) => ({ ...each, isTried: false }));
        const all = sampled(untried);
        for (const build of ['a', 'b', 'c']) {
          const count = fleet.filter((each) => each.build === build).length;
          expect(all.filter((each) => each.build === build)).toHaveLength(sampleOf(count));
        }
        expect(sampled(untried.toReversed())).toEqual(all);
        const tried = new Set(fleet.filter(({ isTried }) => isTried).map(({ id }) => id));
        // Who was tried keeps its place in the sample: nobody else is chosen for it.
        expect(sampled(fleet)).toEqual(all.filter(({ id }) => !tried.has(id)));
      }),
    );
  });

  it('is bounded, and has one of each build before a second one', () => {
    const fleet = Array.from({ length: 900 }, (_, at) => ({
      id: `d${at}`,
      build: 'abc'[at % 3] ?? '',
      isTried: false,
    }));
    const first = sampled(fleet, 4).map(({ build }) => build);
    expect(first).toHaveLength(4);
    expect(new Set(first.slice(0, 3)).size).toBe(3);
  });

  it('is another one with another seed', () => {
    const fleet = Array.from({ length: 1_000 }, (_, at) => ({ id: `d${at}`, build: 'a', isTried: false }));
    expect(sampled(fleet, 10, 'other')).not.toEqual(sampled(fleet, 10));
  });
});

describe('a build', () => {
  it('is told apart by kind, class and what the device says of itself', () => {
    const one = { kind: 'device', class: 'meter' } as const;
    const said = { encoding: 'cbor', packetBytesMax: 256, slots: 1 } as const;
    const all = [
      buildOf(one, null),
      buildOf(one, said),
      buildOf(one, { ...said, packetBytesMax: 512 }),
      buildOf(one, { ...said, slots: 2 }),
      buildOf({ ...one, class: 'pump' }, said),
      buildOf({ ...one, kind: 'gateway' }, said),
    ];
    expect(new Set(all).size).toBe(all.length);
    expect(buildOf(one, { encoding: null, packetBytesMax: null, slots: null })).toBe(buildOf(one, null));
  });
});
