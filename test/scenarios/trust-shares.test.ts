// A fleet on its way to a next root, on a broker that runs: devices that prove it, that do not and that never came, and some behind a site
// gateway. What the status, the scrape and the alert say of them.
import type { MqttClient } from 'mqtt';
import { afterEach, expect, it, vi } from 'vitest';
import type { IssuedView } from '../../src/app/views/devices.ts';
import { freePort } from './free-port.ts';
import { connect, type House, openHouse } from './harness.ts';
import { Learner } from './rollover.ts';
import { delegate, openGateway, SiteDevice } from './site.ts';

let house: House;
let device: Learner | null = null;
const clients: MqttClient[] = [];
afterEach(async () => {
  await device?.device.stop();
  for (const client of clients.splice(0)) await client.endAsync(true);
  await house.close();
});

async function added(id: string, more: { readonly owner: string; readonly gateway?: string }): Promise<IssuedView> {
  await house.gateway.operations.addDevice({ id, ...more });
  return house.gateway.operations.issueDevice({ id });
}

async function distributed(): Promise<void> {
  const { operations } = house.gateway;
  const view = await operations.prepareRoot({ preparation: 'here', passphrase: 'a passphrase of its own' });
  const root = 'done' in view ? view.done.root : null;
  const [below] = (await house.store.read.issuingSlots()).filter((slot) => slot.root === root?.number);
  await operations.confirmBackup({
    madeAt: Date.now(),
    files: [`pki/root-2.key`, `pki/issuing-${below?.number}.key`],
    certificates: [root?.fingerprint ?? '', below?.certificate?.fingerprint ?? ''],
  });
  await operations.distributeRoot();
}

async function scraped(line: RegExp): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${house.gateway.ports.http}/metrics`)).text();
  return Number(line.exec(text)?.[1] ?? Number.NaN);
}

it('counts everybody once, and tells the owner of those that will not make it', async () => {
  house = await openHouse({
    // The whole life of the root is within the warning.
    yaml: [
      'classes: { default: { lifetime: 100d, renewAt: 90%, overlap: 10m, grace: 30d } }',
      'trust: { approval: { root: none }, root: { warnAhead: 7400d } }',
    ].join('\n'),
    mqtt: `port: ${await freePort()}, nextPort: ${await freePort()}`,
  });
  const { operations } = house.gateway;
  device = new Learner('meter-1', await house.device('meter-1', { site: 'north' }), house.gateway.ports.mqtt);
  await added('shelf-1', { owner: 'anna' });
  const old = await added('old-1', { owner: 'anna' });
  clients.push(await connect(house, old, 'old-1'));
  const gateway = await openGateway(house, 'gw-1');
  clients.push(gateway.client);
  const issued = await added('behind-1', { owner: 'tests', gateway: 'gw-1' });
  const behind = new SiteDevice(gateway.client, 'behind-1', issued);
  await delegate(house, 'gw-1', { devices: ['behind-1'] });

  device.device.start();
  const { read } = house.store;
  // Who connected is seen to have with the next beat of the broker.
  await vi.waitFor(async () => {
    expect((await read.lastUnder(1, null, 10)).map(({ id }) => id)).toEqual(['gw-1', 'meter-1', 'old-1']);
  }, 60_000);

  await distributed();
  await house.log.until('trust.proved', { 'nolapse.principal': 'meter-1' });
  const { renewal } = await behind.next('trust');
  await behind.say({ word: 'ack', renewal, status: 'stored' });
  await house.log.until('trust.stored', { 'nolapse.principal': 'behind-1', 'nolapse.gateway': 'gw-1' });
  await gateway.next('trust');

  // meter-1, shelf-1, old-1 and gw-1 gate; behind-1 does not, and its gateway's word counts as stored.
  await vi.waitFor(async () => {
    const { shares } = await operations.trustStatus();
    expect(shares).toMatchObject({
      ...{ leaves: 1, towards: 2, sessionsOnOldPort: 2, controlFailed: 0 },
      all: { inService: 5, gating: 4, offered: 3, stored: 2, proved: 1, unproved: 3 },
      ahead: { neverConnected: 1, onOldPort: 2 },
    });
    expect(shares?.owners.listed.find(({ name }) => name === 'anna')).toMatchObject({ inService: 2, unproved: 2 });
  }, 60_000);
  const listed = (await operations.listUnproved()).principals;
  expect(listed.map(({ id }) => id)).toEqual(['shelf-1', 'gw-1', 'old-1']);
  expect(listed.find(({ id }) => id === 'shelf-1')).toMatchObject({ late: 'never_came', by: null });

  const state = (name: string) =>
    scraped(new RegExp(`^nolapse_trust_principals\\{slot="next",state="${name}"\\} (\\d+)$`, 'm'));
  expect(await Promise.all(['in_service', 'stored', 'proved', 'unproved'].map(state))).toEqual([5, 2, 1, 3]);
  const ends = (await house.store.read.rootSlots()).map(({ notAfter }) => Math.floor(notAfter / 1_000));
  const endOf = (slot: string) =>
    scraped(new RegExp(`^nolapse_ca_not_after_seconds\\{ca="root",slot="${slot}"\\} (\\d+)$`, 'm'));
  expect(await Promise.all(['current', 'next', 'former'].map(endOf))).toEqual([...ends, 0]);

  await vi.waitFor(async () => expect(await operations.listAlerts({ kind: 'trust_unproved' })).toHaveLength(1), 60_000);
  expect(await operations.listAlerts({ kind: 'trust_unproved' })).toMatchObject([
    { subject: 'anna', owner: 'anna', detail: expect.stringMatching(/^1 will not have proved root 2 .*: shelf-1\. /) },
  ]);
  // Somebody who connects itself is seen to, and from then on holds the activation up.
  clients.push(await connect(house, issued, 'behind-1'));
  expect((await operations.trustStatus()).shares?.all).toMatchObject({ gating: 5, unproved: 4 });
});
