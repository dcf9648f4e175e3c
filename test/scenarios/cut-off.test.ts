// Devices that are renewed through a site gateway, and lose the delegation they depend on: whoever takes it from them is told of it, and
// the forecast names them before they go dark.
import type { MqttClient } from 'mqtt';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connect, type House, openHouse } from './harness.ts';
import { delegate, openGateway, SiteDevice } from './site.ts';

const yaml = 'classes: { default: { lifetime: 90d, renewAt: 50%, spread: 0%, backdate: 0s, retryMax: 1d } }';

let house: House;
const clients: MqttClient[] = [];
const operations = () => house.gateway.operations;

/** Three devices at one site: dev-1 and dev-2 are renewed through its gateway, dev-3 connects itself. */
beforeEach(async () => {
  house = await openHouse({ yaml });
  const gateway = await openGateway(house, 'gw-1');
  clients.push(gateway.client);
  await delegate(house, 'gw-1', { site: 'north' });
  for (const id of ['dev-1', 'dev-2', 'dev-3']) {
    const credentials = await house.device(id, { site: 'north' });
    const client = await connect(house, credentials, id);
    if (id === 'dev-3') {
      clients.push(client);
      continue;
    }
    await client.endAsync();
    await expect.poll(async () => (await operations().showDevice({ id })).presence?.here).toBe(false);
    const device = new SiteDevice(gateway.client, id, credentials);
    await device.report();
    await device.nothingDue();
    await operations().runRenewal({ device: id });
    await device.renew(true);
  }
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  await house.close();
});

async function darkOnes(): Promise<string[]> {
  return (await operations().forecast({ days: 100 })).devices.map(({ id, why }) => `${id} ${why}`);
}

it('are counted by the revocation, and by the forecast until another delegation covers them', async () => {
  expect(await darkOnes()).toEqual([]);
  const [delegation] = await operations().listDelegations({});
  const id = delegation?.id ?? '';
  const revoked = await operations().revokeDelegation({ id });
  expect(revoked.cutOff).toMatchObject({ devices: 2, first: { id: 'dev-1', owner: 'tests' } });
  expect(revoked.cutOff.first?.endsAt).toBeGreaterThan(Date.now());
  expect(await darkOnes()).toEqual(['dev-1 not_delegated', 'dev-2 not_delegated']);
  await delegate(house, 'gw-1', { devices: ['dev-1'] });
  expect(await darkOnes()).toEqual(['dev-2 not_delegated']);
  expect((await operations().revokeDelegation({ id })).cutOff).toMatchObject({ devices: 1, first: { id: 'dev-2' } });
});

it('are counted where their gateway is decommissioned, and not where another speaks for them', async () => {
  await house.device('gw-2', { kind: 'gateway' });
  await delegate(house, 'gw-2', { devices: ['dev-2'] });
  expect((await operations().decommissionDevice({ id: 'gw-1' })).cutOff).toMatchObject({
    devices: 1,
    first: { id: 'dev-1' },
  });
  expect(await darkOnes()).toEqual(['dev-1 not_delegated']);
  await operations().quarantineDevice({ id: 'gw-2' });
  expect(await darkOnes()).toEqual(['dev-1 not_delegated', 'dev-2 not_delegated']);
  expect(await operations().decommissionDevice({ id: 'dev-3' })).not.toHaveProperty('cutOff');
});

it('are not moved to a site that no delegation covers unless somebody insists', async () => {
  const move = (id: string) => ({ format: 'csv', text: `id,owner,site\n${id},tests,south\n` }) as const;
  await expect(operations().importDevices(move('dev-1'))).rejects.toMatchObject({
    code: 'conflict',
    faults: expect.arrayContaining([expect.stringMatching(/dev-1\b.*no delegation covers it any more/)]),
  });
  expect((await operations().showDevice({ id: 'dev-1' })).principal.site).toBe('north');
  // One that connects itself depends on no delegation.
  expect(await operations().importDevices(move('dev-3'))).toMatchObject({ updated: 1 });
  await delegate(house, 'gw-1', { site: 'south' });
  expect(await operations().importDevices(move('dev-1'))).toMatchObject({ updated: 1 });
});

it('are known too when their first certificate was made by hand and has only been proven through the gateway', async () => {
  const [gateway] = clients;
  if (!gateway) throw new Error('no gateway');
  const credentials = await house.device('dev-4', { site: 'north' });
  const device = new SiteDevice(gateway, 'dev-4', credentials);
  await device.report();
  await device.nothingDue();
  expect((await operations().showDevice({ id: 'dev-4' })).certificates).toMatchObject([{ state: 'active' }]);
  const [delegation] = await operations().listDelegations({});
  const { cutOff } = await operations().revokeDelegation({ id: delegation?.id ?? '' });
  expect(cutOff).toMatchObject({ devices: 3 });
  expect(await darkOnes()).toContain('dev-4 not_delegated');
});

it('are counted where the last certificate of their gateway is revoked, and named while it is dark', async () => {
  const [certificate] = (await operations().showDevice({ id: 'gw-1' })).certificates;
  const id = certificate?.fingerprint ?? '';
  const tried = await operations().revokeCertificate({ id, dryRun: true });
  expect(tried.cutOff).toMatchObject({ devices: 2, first: { id: 'dev-1', owner: 'tests' } });
  expect(await darkOnes()).toEqual([]);
  expect((await operations().revokeCertificate({ id })).cutOff).toEqual(tried.cutOff);
  expect(await darkOnes()).toEqual(['gw-1 revoked', 'dev-1 not_delegated', 'dev-2 not_delegated']);
  // One that was made by hand and has not arrived helps nobody yet.
  const made = await operations().issueDevice({ id: 'gw-1' });
  expect(await darkOnes()).toEqual(['gw-1 revoked', 'dev-1 not_delegated', 'dev-2 not_delegated']);
  clients.push(await connect(house, made, 'gw-1'));
  await expect.poll(darkOnes).toEqual([]);
});

it('are named by the gateway of their record too, once that is dark', async () => {
  const text = 'id,owner,gateway\ndev-1,tests,gw-1\n';
  await operations().importDevices({ format: 'csv', text });
  const [certificate] = (await operations().showDevice({ id: 'gw-1' })).certificates;
  await operations().revokeCertificate({ id: certificate?.fingerprint ?? '' });
  expect(await darkOnes()).toContain('dev-1 gateway_gone');
});

it('are not counted where another certificate of their gateway, or of a device, is revoked', async () => {
  const [own] = (await operations().showDevice({ id: 'dev-3' })).certificates;
  expect(await operations().revokeCertificate({ id: own?.fingerprint ?? '' })).not.toHaveProperty('cutOff');
  await operations().issueDevice({ id: 'gw-1' });
  const spare = (await operations().showDevice({ id: 'gw-1' })).certificates.find(({ state }) => state === 'issued');
  expect(await operations().revokeCertificate({ id: spare?.fingerprint ?? '' })).not.toHaveProperty('cutOff');
});
