// A reconcile names the devices that no source has, and does nothing about them.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type House, openHouse } from './harness.ts';

const source = (name: string) => `  ${name}: { kind: file, path: ${name}.csv, every: 365d }\n`;
let house: House;
const write = (name: string, ids: readonly string[]) =>
  writeFileSync(join(house.home, `${name}.csv`), `id,owner\n${ids.map((id) => `${id},${name}\n`).join('')}`);
const reconcile = (name: string, more: object = {}) => house.gateway.operations.reconcile({ source: name, ...more });

beforeEach(async () => {
  const files = { 'east.csv': 'id,owner\neast-1,east\n', 'west.csv': 'id,owner\nwest-1,west\n' };
  house = await openHouse({ yaml: `sources:\n${source('east')}${source('west')}`, files });
  for (const name of ['east', 'west']) await house.log.until('source.reconciled', { 'nolapse.source': name });
  const { operations } = house.gateway;
  for (const id of ['a-mine', 'b-mine', 'c-gone']) await operations.addDevice({ id, owner: 'me' });
  await operations.addDevice({ id: 'a-service', owner: 'me', kind: 'service' });
  await operations.quarantineDevice({ id: 'b-mine' });
  await operations.decommissionDevice({ id: 'c-gone' });
});
afterEach(() => house.close());

it('those entered by hand, and never services or what is decommissioned', async () => {
  for (const dryRun of [true, false]) {
    const report = await reconcile('east', { dryRun });
    expect(report).toMatchObject({ counts: { unsourced: 2, conflicts: 0 }, unsourced: ['a-mine', 'b-mine'] });
  }
  expect(await reconcile('east', { limit: 1 })).toMatchObject({ counts: { unsourced: 2 }, unsourced: ['a-mine'] });
  const { principal } = await house.gateway.operations.showDevice({ id: 'a-mine' });
  expect(principal).toMatchObject({ status: 'active', source: null });
});

it('and none that a source has, though it is not its own there', async () => {
  write('west', ['west-1', 'a-mine']);
  expect(await reconcile('west')).toMatchObject({ counts: { conflicts: 1 }, unsourced: ['b-mine'] });
  // The other source knows of it by the finding.
  expect(await reconcile('east')).toMatchObject({ unsourced: ['b-mine'] });
});

it('those of a source that is configured no more', async () => {
  house.configure(`sources:\n${source('east')}`);
  await house.restart();
  expect(await reconcile('east')).toMatchObject({ unsourced: ['a-mine', 'b-mine', 'west-1'] });
});
