import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Principal } from '../../src/domain/principal.ts';
import {
  Comparison,
  type Difference,
  type Loss,
  lately,
  objectToLoss,
  type Told,
  withLosses,
  withTold,
} from '../../src/domain/reconcile.ts';
import { idOf, principal } from './samples.ts';

const rows = (...told: Told[]) => new Map(told.map((row) => [row.id, row]));
function compare(inventory: readonly Principal[], told: ReadonlyMap<Principal['id'], Told>): Difference {
  const comparison = new Comparison(new Map(told));
  for (const each of inventory) comparison.take(each);
  return comparison.end();
}
const known = (id: string, patch: Partial<Principal> = {}) => principal({ id: idOf(id), ...patch });

describe('the difference to a source', () => {
  it('names what is new, what is other, and what is gone or decommissioned', () => {
    const difference = compare(
      [known('a'), known('b', { site: 'north' }), known('c'), known('d')],
      rows(
        { id: idOf('a'), owner: 'water' },
        { id: idOf('b'), site: 'south', owner: 'water' },
        { id: idOf('d'), status: 'decommissioned' },
        { id: idOf('e'), owner: 'power' },
      ),
    );
    expect(difference).toEqual({
      added: [{ id: 'e', owner: 'power' }],
      changed: [{ id: 'b', fields: ['site'], to: { id: 'b', site: 'south', owner: 'water' } }],
      decommissioned: ['c', 'd'],
      unchanged: 1,
      emptied: new Map(),
    });
  });

  it('leaves alone what the source says nothing of', () => {
    const device = known('a', { site: 'north', modes: ['recertify'], packetBytesMax: 256 });
    expect(compare([device], rows({ id: device.id })).changed).toEqual([]);
    expect(compare([device], rows({ id: device.id, modes: ['recertify'] })).changed).toEqual([]);
    expect(compare([device], rows({ id: device.id, modes: ['csr'] })).changed).toMatchObject([{ fields: ['modes'] }]);
  });

  it('does not add what is decommissioned in the source', () => {
    expect(compare([], rows({ id: idOf('a'), status: 'decommissioned' })).added).toEqual([]);
  });

  it('neither adds nor changes nor ends what the source does not say the status of', () => {
    const ignored = rows(
      { id: idOf('a'), site: 'south', status: 'ignored' },
      { id: idOf('b'), site: 'south', status: 'ignored' },
    );
    expect(compare([known('a', { site: 'north' })], ignored)).toEqual({
      added: [],
      changed: [],
      decommissioned: [],
      unchanged: 1,
      emptied: new Map(),
    });
  });

  it('is gone from a device that takes over what the source says of it, and nothing else of it moves', () => {
    const device = known('a', { site: 'north', slots: 1, modes: ['csr'] });
    const row: Told = { id: device.id, site: null, modes: ['csr', 'recertify'], status: 'active' };
    expect(compare([device], rows(row)).changed).toMatchObject([{ fields: ['site', 'modes'] }]);
    const after = withTold(device, row);
    expect(after).toEqual({ ...device, site: null, modes: ['csr', 'recertify'] });
    expect(compare([after], rows(row)).changed).toEqual([]);
  });

  it('is empty once it has been made good, and counts every device once', () => {
    const ids = fc.uniqueArray(
      fc.integer({ min: 0, max: 30 }).map((n) => `d${n}`),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(ids, ids, (before, told) => {
        const inventory = before.map((id) => known(id, { site: 'old' }));
        const source = rows(...told.map((id) => ({ id: idOf(id), site: 'new' })));
        const difference = compare(inventory, source);
        const { added, changed, decommissioned, unchanged } = difference;
        expect(changed.length + decommissioned.length + unchanged).toBe(inventory.length);
        expect(added.length + changed.length + unchanged).toBe(source.size);
        const after = [...source.keys()].map((id) => known(id, { site: 'new' }));
        expect(compare(after, source)).toMatchObject({ added: [], changed: [], decommissioned: [] });
      }),
    );
  });
});

describe('the guard', () => {
  const lacking = (missing: number) => ({
    added: [],
    changed: [],
    decommissioned: Array.from({ length: missing }, (_, i) => idOf(`d${i}`)),
    unchanged: 0,
    emptied: new Map(),
  });

  it('lets through what a source may lack, and one device always', () => {
    expect(objectToLoss(lacking(5), 100, 0.05)).toBeNull();
    expect(objectToLoss(lacking(1), 2, 0.05)).toBeNull();
    expect(objectToLoss(lacking(0), 0, 0)).toBeNull();
    expect(objectToLoss(lacking(0), 90, 0.05, 10)).toBeNull();
    expect(objectToLoss(lacking(2), 97, 0.05, 3)).toBeNull();
  });

  it('lets no field be emptied of more, whatever it is', () => {
    const fleet = Array.from({ length: 100 }, (_, i) =>
      known(`d${i}`, { owner: 'ana', class: 'meter', modes: ['csr'] }),
    );
    const without = (count: number, patch: Partial<Told>) =>
      rows(...fleet.map(({ id }, i): Told => (i < count ? { id, ...patch } : { id })));
    const objection = (count: number, patch: Partial<Told>) =>
      objectToLoss(compare(fleet, without(count, patch)), 100, 0.05);
    expect(objection(5, { owner: '' })).toBeNull();
    expect(objection(6, { owner: '' })).toBe('the source empties owner of 6 of 100 devices, more than 5%');
    expect(objection(100, { class: 'default', modes: [] })).toBe(
      'the source empties class of 100 of 100 devices and empties modes of 100 of 100 devices, more than 5%',
    );
    // Another value is none that is lost, and neither is what was empty before.
    expect(objection(100, { owner: 'bo', class: 'pump', site: null })).toBeNull();
  });

  it('says how much is missing when it is too much', () => {
    expect(objectToLoss(lacking(6), 100, 0.05)).toBe('the source lacks 6 of 100 devices, more than 5%');
    expect(objectToLoss(lacking(100), 100, 0.5)).toContain('lacks 100 of 100');
    expect(objectToLoss(lacking(3), 97, 0.05, 3)).toBe(
      'the source lacks 3 of 97 devices, and 3 before within a day, more than 5%',
    );
    // Of few, one is never too much; one at every run is.
    expect(objectToLoss(lacking(1), 9, 0.05, 1)).toContain('and 1 before within a day');
  });
});

describe('the losses of a source', () => {
  const hour = 3_600_000;

  it('count for a day, each from when it was', () => {
    const first = withLosses([], 2, 1_000);
    expect(first).toEqual([{ at: 1_000, count: 2 }]);
    const both = withLosses(first, 3, hour);
    expect(both).toEqual([
      { at: 1_000, count: 2 },
      { at: hour, count: 3 },
    ]);
    expect(withLosses(both, 0, 2 * hour)).toEqual(both);
    expect(lately(both, 1_000 + 24 * hour - 1)).toEqual(both);
    // What is a day old is forgotten, what came after it is not.
    expect(lately(both, 1_000 + 24 * hour)).toEqual([{ at: hour, count: 3 }]);
    expect(lately(both, 25 * hour)).toEqual([]);
    expect(withLosses([], 0, 1_000)).toEqual([]);
  });

  it('of one minute are one', () => {
    const many = Array.from({ length: 3 * 60 }, (_, second) => second * 1_000);
    const losses = many.reduce((sum: readonly Loss[], at) => withLosses(sum, 1, at), []);
    expect(losses).toEqual([0, 60_000, 120_000].map((at) => ({ at, count: 60 })));
  });

  it('that lie ahead count as of now, once the clock was set back', () => {
    const ahead = withLosses([], 2, 365 * 24 * hour);
    expect(lately(ahead, 500)).toEqual([{ at: 500, count: 2 }]);
    expect(lately(withLosses(ahead, 0, 500), 500 + 24 * hour)).toEqual([]);
  });
});
