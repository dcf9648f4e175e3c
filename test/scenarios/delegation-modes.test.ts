// Devices behind a gateway that send no request: their replacement is made because their gateway listens, under its delegation,
// and fetched through it in packets of 256 bytes.

import { createPrivateKey } from 'node:crypto';
import type { MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { publishBytes } from '../../src/domain/packet.ts';
import type { KeyMode } from '../../src/domain/principal.ts';
import { useProofText } from '../../src/domain/proof.ts';
import { splitReplacement, unwrapKey } from '../../src/simulator/unwrap.ts';
import { connect, type House, openHouse, pemOf, Speaker } from './harness.ts';
import { fetchStretch, nextIssued, replacementOf, totalOf } from './piecemeal.ts';
import { delegate, openGateway, SiteDevice } from './site.ts';

const classes = `
classes:
  default: { lifetime: 10d, renewAt: 5d, overlap: 1d, grace: 10d, keyModes: [recertify, keygen, csr], retryFirst: 1s, retryMax: 2s }
`;

let house: House;
let offset = 0;
const clients: MqttClient[] = [];
beforeEach(async () => {
  offset = 0;
  house = await openHouse({ yaml: classes, clock: { now: () => Date.now() + offset } });
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  await house.close();
});

async function gatewayOf(id: string): Promise<Speaker> {
  const gateway = await openGateway(house, id, 'cbor');
  clients.push(gateway.client);
  return gateway;
}

/** A device that can do one key mode, with its first certificate in use. */
async function deviceBehind(gateway: Speaker, id: string, mode: KeyMode, site?: string): Promise<SiteDevice> {
  const { operations } = house.gateway;
  await operations.addDevice({ id, owner: 'tests', modes: [mode], maxPacket: 256, ...(site && { site }) });
  const credentials = await operations.issueDevice({ id });
  await (await connect(house, credentials, id)).endAsync();
  return new SiteDevice(gateway.client, id, credentials, 'cbor');
}

const run = async (device: SiteDevice): Promise<string> =>
  (await house.gateway.operations.runRenewal({ device: device.id })).id;
const usedToday = async (): Promise<number[]> =>
  (await house.gateway.operations.listDelegations({})).map((each) => each.usedToday);
const shown = async (id: string) => (await house.gateway.operations.showRenewal({ id })).renewal;

/** Fetches what was offered, installs it and reports its use, all through the gateway. */
async function fetchAndUse(device: SiteDevice): Promise<string> {
  const offer = await nextIssued(device);
  const fetched = await fetchStretch(device, offer, 0, totalOf(offer));
  const { certificate, envelope } = splitReplacement(replacementOf(offer, fetched));
  const { keyPem: current } = device.credentials;
  const keyPem = envelope
    ? createPrivateKey(unwrapKey(envelope, current)).export({ type: 'pkcs8', format: 'pem' }).toString()
    : current;
  device.credentials = { certificatePem: pemOf([certificate]), keyPem };
  await device.say({ word: 'ack', renewal: offer.renewal, status: 'installed' });
  const { fingerprint } = device;
  await device.say({ word: 'hello', fingerprint, proof: device.sign(useProofText(device.id, fingerprint)) });
  await device.next('done');
  return offer.renewal;
}

describe('a device behind a gateway that sends no request', () => {
  it.each(['recertify', 'keygen'] as const)('is renewed whole in key mode %s', async (mode) => {
    const gateway = await gatewayOf('gw-1');
    const device = await deviceBehind(gateway, 'dev-1', mode);
    const sizes: number[] = [];
    gateway.client.on('message', (topic, payload) => sizes.push(publishBytes(topic, payload.length)));
    await delegate(house, 'gw-1', { modes: [mode] });
    for (let round = 1; round <= 2; round += 1) {
      const id = await run(device);
      expect(await fetchAndUse(device)).toBe(id);
      expect(await shown(id)).toMatchObject({ state: 'activated', mode, via: 'gw-1', requests: 1 });
      expect(await usedToday()).toEqual([round]);
      const { journal } = await house.gateway.operations.showRenewal({ id });
      expect(journal.find(({ action }) => action === 'renewal.requested')?.detail).toMatch(/, through gw-1$/);
    }
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256);
    expect(Math.max(...sizes)).toBeGreaterThan(250);
    expect(gateway.heard).toEqual([]);
  });

  it('has nothing made and nothing counted while nobody listens for it', async () => {
    const gateway = await gatewayOf('gw-1');
    const device = await deviceBehind(gateway, 'dev-1', 'recertify');
    await gateway.client.unsubscribeAsync('$enroll/1/#');
    await delegate(house, 'gw-1', { modes: ['recertify'] });
    const id = await run(device);
    await gateway.client.publishAsync('$enroll/1/gw-1/hello', '{}', { qos: 1 });
    expect(await shown(id)).toMatchObject({ state: 'due', requests: 0, via: null });
    expect(await usedToday()).toEqual([0]);
    await gateway.client.subscribeAsync('$enroll/1/dev-1/+', { qos: 1 });
    expect(await fetchAndUse(device)).toBe(id);
    expect(await usedToday()).toEqual([1]);
  });

  it('is made through the gateway that may, beside one that may not, which is told', async () => {
    const first = await gatewayOf('gw-1');
    const second = await gatewayOf('gw-2');
    const device = await deviceBehind(second, 'dev-1', 'recertify');
    await delegate(house, 'gw-1', { modes: ['csr'], until: '2d' });
    await delegate(house, 'gw-2', { modes: ['recertify'] });
    const id = await run(device);
    expect(await fetchAndUse(device)).toBe(id);
    expect(await shown(id)).toMatchObject({ via: 'gw-2' });
    expect(await first.next('error')).toMatchObject({
      code: 'mode_not_granted',
      renewal: id,
      detail: expect.stringMatching(/^dev-1: /),
    });
    await house.log.until('delegation.refused', { 'nolapse.gateway': 'gw-1', 'nolapse.principal': 'dev-1' });
  });

  it('is not renewed in a mode that no gateway was granted; it still may by itself, or once one is granted', async () => {
    const gateway = await gatewayOf('gw-1');
    const [one, two] = [
      await deviceBehind(gateway, 'dev-1', 'recertify'),
      await deviceBehind(gateway, 'dev-2', 'recertify'),
    ];
    await delegate(house, 'gw-1', { devices: ['dev-1', 'dev-2'], modes: ['csr', 'keygen'] });
    const [first, second] = [await run(one), await run(two)];
    for (let i = 0; i < 2; i += 1) expect(await gateway.next('error')).toMatchObject({ code: 'mode_not_granted' });
    for (const id of [first, second]) expect(await shown(id)).toMatchObject({ requests: 0, newFingerprint: null });

    const itself = await new Speaker(await connect(house, one.credentials, 'dev-1'), 'dev-1', 'cbor').listen();
    clients.push(itself.client);
    expect((await nextIssued(itself)).renewal).toBe(first);
    expect(await shown(first)).toMatchObject({ via: null, requests: 1 });

    await delegate(house, 'gw-1', { devices: ['dev-2'], modes: ['recertify'] });
    expect(await fetchAndUse(two)).toBe(second);
    expect(await shown(second)).toMatchObject({ via: 'gw-1' });
  });

  it('waits for the next day where the limit of this one is reached, and is then tried again by itself', async () => {
    const gateway = await gatewayOf('gw-1');
    const devices = [
      await deviceBehind(gateway, 'dev-1', 'recertify', 'north'),
      await deviceBehind(gateway, 'dev-2', 'recertify', 'north'),
    ];
    await delegate(house, 'gw-1', { site: 'north', modes: ['recertify'], daily: 1, until: '5d' });
    const ids = [];
    for (const device of devices) ids.push(await run(device));
    const refused = await gateway.next('error');
    expect(refused).toMatchObject({ code: 'delegation_exhausted' });
    const late = devices.find(({ id }) => refused.detail?.startsWith(`${id}: `));
    const early = devices.find((each) => each !== late);
    if (!late || !early) throw new Error('neither was refused');
    await fetchAndUse(early);
    expect(await usedToday()).toEqual([1]);
    offset = (refused.retryAfter ?? 0) * 1_000;
    expect(ids).toContain(await fetchAndUse(late));
    expect(await usedToday()).toEqual([1]);
  });
});
