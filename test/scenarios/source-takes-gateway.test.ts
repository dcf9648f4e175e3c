// A site gateway on which devices depend to renew is taken away: by a source that does not have it any more, which is refused until somebody
// insists or the devices have another way, and by quarantine, which is done at once and says whom it cuts off.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MqttClient } from 'mqtt';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connect, type House, openHouse } from './harness.ts';
import { delegate, SiteDevice } from './site.ts';

const yaml = `
classes: { default: { lifetime: 90d, renewAt: 50%, spread: 0%, backdate: 0s, retryMax: 1d } }
sources: { plant: { kind: file, path: plant.csv, every: 365d, missingMax: 50% } }
`;
/** By their ids, the kind of each and the gateway it is behind. */
const plant = {
  'gw-1': 'gateway,',
  'gw-2': 'gateway,',
  'dev-1': 'device,',
  'dev-2': 'device,gw-1',
  'dev-3': 'device,',
};
type Plant = Partial<Record<keyof typeof plant, string>>;
const csv = (rows: Plant): string =>
  `id,owner,kind,gateway\n${Object.entries(rows)
    .map(([id, rest]) => `${id},water,${rest}\n`)
    .join('')}`;
const without = (id: keyof typeof plant, more: Plant = {}): Plant => {
  const { [id]: _, ...rest } = { ...plant, ...more };
  return rest;
};

let house: House;
const clients: MqttClient[] = [];
const operations = () => house.gateway.operations;

/** dev-1 is spoken for by gw-1, dev-2 stands behind it by its record, dev-3 connects itself. */
beforeEach(async () => {
  house = await openHouse({ yaml, files: { 'plant.csv': csv(plant) } });
  await house.log.until('source.reconciled', { 'nolapse.source': 'plant' });
  const credentials = Object.fromEntries(
    await Promise.all(Object.keys(plant).map(async (id) => [id, await operations().issueDevice({ id })] as const)),
  );
  const come = (id: string) => connect(house, credentials[id] ?? null, id);
  const gateway = await come('gw-1');
  clients.push(gateway);
  await gateway.subscribeAsync('$enroll/1/#', { qos: 1 });
  await delegate(house, 'gw-1', { devices: ['dev-1'] });
  const spokenFor = new SiteDevice(gateway, 'dev-1', credentials['dev-1'] ?? { certificatePem: '', keyPem: '' });
  await spokenFor.report();
  await spokenFor.nothingDue();
  for (const id of ['dev-2', 'dev-3']) {
    await (await come(id)).endAsync();
    await expect.poll(async () => (await operations().showDevice({ id })).presence?.here).toBe(false);
  }
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  await house.close();
});

const read = (rows: Plant, more: object = {}) => {
  writeFileSync(join(house.home, 'plant.csv'), csv(rows));
  return operations().reconcile({ source: 'plant', ...more });
};
const statusOf = async (id: string) => (await operations().showDevice({ id })).principal.status;

it('is refused where a source lacks it, with how many depend on it, until somebody insists', async () => {
  const refused = await read(without('gw-1'));
  expect(refused).toMatchObject({ applied: false, insist: true, loses: false, short: 2 });
  expect(refused.objection).toMatch(
    /^it decommissions site gateway gw-1, without which 2 devices have no way to renew; the first to end is dev-\d \(water\), ends 2/,
  );
  expect(await statusOf('gw-1')).toBe('active');
  expect(await read(without('gw-1'), { acceptLoss: true })).toMatchObject({ applied: false });
  expect(await read(without('gw-1'), { force: true, reason: 'it burned' })).toMatchObject({ applied: true });
  expect(await statusOf('gw-1')).toBe('decommissioned');
  expect(house.log.count('decision.forced')).toBe(1);
});

it('goes without a word where its devices have another way in the same file, or go with it', async () => {
  await delegate(house, 'gw-2', { devices: ['dev-1'] });
  expect(await read(without('gw-1', { 'dev-2': 'device,gw-2' }))).toMatchObject({ applied: true, short: 0 });
  expect(await statusOf('gw-1')).toBe('decommissioned');
  const { 'dev-1': _, 'dev-2': __, ...rest } = without('gw-2');
  expect(await read(rest, { acceptLoss: true })).toMatchObject({ applied: true, insist: false });
});

it('is not missed where nobody depends on it', async () => {
  expect(await read(without('gw-2'))).toMatchObject({ applied: true, insist: false, short: 0 });
});

it('says whom it cuts off when it is quarantined', async () => {
  expect(await operations().quarantineDevice({ id: 'gw-1' })).toMatchObject({
    status: 'quarantined',
    cutOff: { devices: 2, first: { owner: 'water' } },
  });
  for (const id of ['gw-1', 'dev-3']) {
    expect(await operations().quarantineDevice({ id, release: id === 'gw-1' })).not.toHaveProperty('cutOff');
  }
});
