// A record keeps what nobody names: of an import, of a source and of a change by hand. What is named and empty is emptied.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Principal } from '../../src/domain/principal.ts';
import { type House, openHouse } from './harness.ts';

let house: House;
const yaml = `classes:
  slow: {}
sources:
  plant: { kind: file, path: plant.csv, every: 1h }
  netbox: { kind: file, path: netbox.jsonl, every: 1h, map: { id: name, owner: tenant.name, site: site.slug, class: role } }
`;
beforeEach(async () => {
  house = await openHouse({ yaml });
  await operations().addDevice({ id: 'gw-1', owner: 'site', kind: 'gateway' });
  await operations().addDevice({ id: 'gw-2', owner: 'site', kind: 'gateway' });
  await operations().addDevice({ ...full, id: 'pump-1' });
});
afterEach(() => house.close());

const operations = () => house.gateway.operations;
const recordOf = async (id: string) => (await operations().showDevice({ id })).principal;
const importing = (format: 'csv' | 'jsonl', text: string, more = {}) =>
  operations().importDevices({ format, text, ...more });
const insisting = { force: true, reason: 'so it is' } as const;

const full = {
  ...({ owner: 'carla', class: 'slow', site: 'north', gateway: 'gw-1', criticality: 'high' } as const),
  ...({ encoding: 'cbor', modes: ['recertify'], maxPacket: 512, slots: 2, cohort: 'canary' } as const),
};

/** By field: another value, as a cell of CSV has it; the property and its value then; its value when emptied. */
const fields: Record<keyof typeof full, [string, keyof Principal, unknown, unknown]> = {
  owner: ['anna', 'owner', 'anna', ''],
  class: ['default', 'class', 'default', 'default'],
  site: ['south', 'site', 'south', null],
  gateway: ['gw-2', 'gateway', 'gw-2', null],
  criticality: ['low', 'criticality', 'low', 'medium'],
  encoding: ['json', 'encoding', 'json', null],
  modes: ['csr', 'modes', ['csr'], []],
  maxPacket: ['256', 'packetBytesMax', 256, null],
  slots: ['1', 'slots', 1, null],
  cohort: ['broad', 'cohort', 'broad', null],
};
const table = Object.entries(fields).map(([field, row]) => [field, ...row] as const);
const emptyOf = (field: string) => (field === 'modes' ? [] : '');
const typed = (cell: string, field: string) =>
  field === 'modes' ? [cell] : ['maxPacket', 'slots'].includes(field) ? Number(cell) : cell;

describe.each(table)('the field %s', (field, cell, property, value, emptied) => {
  const texts: Record<'csv' | 'jsonl', (written: string) => string> = {
    csv: (written) => `id,${field}\npump-1,${written}\n`,
    jsonl: (written) => JSON.stringify({ id: 'pump-1', [field]: written }),
  };

  it.each(['csv', 'jsonl'] as const)(
    'alone changes by an import of %s that names it, and is emptied by an empty one',
    async (format) => {
      const before = await recordOf('pump-1');
      expect(await importing(format, texts[format](cell))).toEqual({ added: 0, updated: 1, unchanged: 0 });
      expect(await recordOf('pump-1')).toEqual({ ...before, [property]: value });
      await importing(format, texts[format](''), field === 'owner' ? insisting : {});
      expect(await recordOf('pump-1')).toEqual({ ...before, [property]: emptied });
    },
  );

  it('alone changes by hand, is emptied by hand, and is told and kept in the journal', async () => {
    const before = await recordOf('pump-1');
    const set = await operations().setDevice({ id: 'pump-1', [field]: typed(cell, field) });
    expect(set).toMatchObject({ [property]: value, changed: [{ field, to: cell }] });
    expect(await recordOf('pump-1')).toEqual({ ...before, [property]: value });
    expect(await house.log.until('device.changed')).toMatchObject({ 'nolapse.principal': 'pump-1' });
    const more = field === 'owner' ? insisting : {};
    await operations().setDevice({ id: 'pump-1', [field]: emptyOf(field), ...more });
    expect(await recordOf('pump-1')).toEqual({ ...before, [property]: emptied });
  });

  it('stays where a file, a source or a change names another', async () => {
    const other = field === 'site' ? 'slots' : 'site';
    const { [property]: kept } = await recordOf('pump-1');
    await importing('csv', `id,${other}\npump-1,7\n`);
    await operations().setDevice({ id: 'pump-1', [other]: other === 'slots' ? 8 : 'east' });
    writeFileSync(join(house.home, 'plant.csv'), `id,${other}\npump-1,9\n`);
    expect(await operations().reconcile({ source: 'plant', takeOver: true })).toMatchObject({ applied: true });
    expect((await recordOf('pump-1'))[property]).toEqual(kept);
  });
});

describe('an import', () => {
  it('that changes nothing writes nothing and says so, whatever it names', async () => {
    const rows = Array.from({ length: 500 }, (_, i) => `d-${i},ops,north\n`).join('');
    expect(await importing('csv', `id,owner,site\n${rows}`)).toEqual({ added: 500, updated: 0, unchanged: 0 });
    for (const heading of ['id,owner,site', 'id,owner,site,kind']) {
      const text = `${heading}\n${heading.endsWith('kind') ? rows.replaceAll('\n', ',device\n') : rows}`;
      expect(await importing('csv', text)).toEqual({ added: 0, updated: 0, unchanged: 500 });
    }
    expect(house.log.count('device.changed')).toBe(0);
  });

  it('names no owner for who is there, and must for who is new; a kind stays when it is empty or not named', async () => {
    expect(await importing('csv', 'id,kind,site\ngw-1,,south\n')).toMatchObject({ updated: 1 });
    expect(await recordOf('gw-1')).toMatchObject({ kind: 'gateway', owner: 'site', site: 'south' });
    await expect(importing('csv', 'id,site\ngw-1,north\nnew-1,north\n')).rejects.toMatchObject({
      faults: ['line 3: owner: missing; nobody would be told'],
    });
    await expect(importing('csv', 'id,slots\ngw-1,0\nnew-1,0\n')).rejects.toMatchObject({
      faults: [
        expect.stringContaining('line 2: slots'),
        expect.stringContaining('line 3: slots'),
        expect.stringContaining('line 3: owner: missing'),
      ],
    });
    expect(await recordOf('gw-1')).toMatchObject({ site: 'south' });
    // A gateway that its own row does not call one is found all the same.
    expect(await importing('csv', 'id,owner,gateway\ngw-1,site,\nd-1,ops,gw-1\n')).toMatchObject({ added: 1 });
  });

  it('that takes an owner away is refused, as by hand, unless somebody insists', async () => {
    const refusal = {
      code: 'conflict',
      faults: [expect.stringContaining('would have no owner'), expect.stringMatching(/^To apply it anyway: /)],
    };
    await expect(importing('csv', 'id,owner\npump-1,\n')).rejects.toMatchObject(refusal);
    await expect(operations().setDevice({ id: 'pump-1', owner: '' })).rejects.toMatchObject(refusal);
    expect(await recordOf('pump-1')).toMatchObject({ owner: 'carla' });
    await operations().setDevice({ id: 'pump-1', owner: '', ...insisting, by: 'ana' });
    expect(await house.log.until('decision.forced')).toMatchObject({ 'nolapse.by': 'ana' });
    expect(await recordOf('pump-1')).toMatchObject({ owner: '' });
  });
});

describe('a source with a map', () => {
  const told = async (record: object) => {
    writeFileSync(join(house.home, 'netbox.jsonl'), JSON.stringify({ name: 'pump-1', ...record }));
    await operations().reconcile({ source: 'netbox', takeOver: true, acceptLoss: true });
    return recordOf('pump-1');
  };

  it('keeps what a record does not have, and empties what it has as null', async () => {
    const before = await recordOf('pump-1');
    expect(await told({})).toEqual({ ...before, source: 'netbox' });
    expect(await told({ tenant: { name: 'anna' }, site: {} })).toMatchObject({ owner: 'anna', site: 'north' });
    // Without a site at all, as NetBox writes it.
    expect(await told({ site: null })).toMatchObject({ owner: 'anna', site: null, class: 'slow' });
    expect(await told({ tenant: { name: null }, role: '' })).toMatchObject({ owner: '', class: 'default' });
  });
});

describe('a change by hand', () => {
  it('is refused where an import would be: by field, by what it needs, and where nothing is named', async () => {
    const cases: [object, object][] = [
      [{ class: 'none' }, { code: 'invalid', faults: ['class: none is not configured'] }],
      [{ slots: 0 }, { code: 'invalid' }],
      [{ gateway: 'nobody' }, { code: 'invalid', faults: ['gateway: nobody is not in the inventory'] }],
      [{ gateway: 'pump-1' }, { code: 'invalid', faults: ['gateway: pump-1 is a device'] }],
      [{ id: 'nobody', site: 'x' }, { code: 'not_found' }],
      [{}, { code: 'invalid', faults: [expect.stringMatching(/^nothing to set/)] }],
      [{ site: 'x', reason: 'why' }, { code: 'invalid' }],
    ];
    for (const [change, refusal] of cases) {
      await expect(operations().setDevice({ id: 'pump-1', ...change })).rejects.toMatchObject(refusal);
    }
    expect(house.log.count('device.changed')).toBe(0);
    expect(await operations().setDevice({ id: 'pump-1', owner: 'carla' })).toMatchObject({ changed: [] });
    expect(house.log.count('device.changed')).toBe(0);
  });
});
