// A gateway that mixes its devices up, repeats itself, loses its link or its rights in the middle: each has a code where one is
// due, and no renewal is lost.
import type { KeyObject } from 'node:crypto';
import type { MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nameOf } from '../../src/pki/certificate.ts';
import { FailingAuthority } from '../fakes/failing-authority.ts';
import { assembleRequest, ecKey, signedBy, spkiOf } from '../pki/made.ts';
import { type Credentials, connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';
import { delegate, openGateway, SiteDevice } from './site.ts';

let house: House;
let gateway: Speaker;
let one: SiteDevice;
let two: SiteDevice;
let offset = 0;
let authority: FailingAuthority;
const clients: MqttClient[] = [];

beforeEach(async () => {
  authority = new FailingAuthority();
  house = await openHouse({
    yaml: 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }',
    clock: { now: () => Date.now() + offset },
    throughAuthority: authority.through,
  });
  gateway = await openGateway(house, 'gw-1');
  clients.push(gateway.client);
  [one, two] = [await deviceBehind('dev-1'), await deviceBehind('dev-2')];
  await delegate(house, 'gw-1', { devices: ['dev-1', 'dev-2'] });
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  await house.close();
});

async function deviceBehind(id: string): Promise<SiteDevice> {
  const credentials = await house.device(id);
  await (await connect(house, credentials, id)).endAsync();
  return new SiteDevice(gateway.client, id, credentials);
}

/** Opens the renewal of a device that takes whole certificates. @returns its id, once it was offered. */
async function offered(device: SiteDevice): Promise<string> {
  await device.say({ word: 'hello', maxPacket: 4_096 });
  await house.gateway.operations.runRenewal({ device: device.id });
  const { renewal } = await device.next('offer');
  await house.log.until('renewal.offered', { 'nolapse.renewal': renewal });
  return renewal;
}

const shown = async (id: string) => {
  const { renewal } = await house.gateway.operations.showRenewal({ id });
  const { state, requests, newFingerprint } = renewal;
  return { state, requests, newFingerprint };
};

describe("another device's", () => {
  it('request is refused under this name, and its renewal under that name', async () => {
    const [first, second] = [await offered(one), await offered(two)];
    const before = [await shown(first), await shown(second)];
    const { csr } = await newRequest('dev-2');
    await one.say({ word: 'csr', renewal: first, csr });
    expect(await one.next('error')).toMatchObject({ code: 'subject_mismatch', renewal: first });
    await one.say({ word: 'csr', renewal: second, csr });
    expect(await one.next('error')).toMatchObject({ code: 'unknown_renewal', renewal: second });
    await one.say({ word: 'csr', renewal: second, offset: 0, total: csr.length, bytes: csr.subarray(0, 50) });
    expect(await one.next('error')).toMatchObject({ code: 'unknown_renewal' });
    await one.say({ word: 'get', renewal: second, offset: 0, length: 10 });
    expect(await one.next('error')).toMatchObject({ code: 'unknown_renewal' });
    for (const status of ['installed', 'failed'] as const) {
      await one.say({ word: 'ack', renewal: second, status });
      expect(await one.next('error')).toMatchObject({ code: 'unknown_renewal' });
    }
    expect([await shown(first), await shown(second)]).toEqual(before);
    // The round that a delegation begins may come by late, and offer again.
    expect(two.heard.filter(({ word }) => word !== 'offer')).toEqual([]);
    await two.say({ word: 'csr', renewal: second, csr });
    expect((await two.next('cert')).renewal).toBe(second);
  });

  const requestFor = (id: string, key: KeyObject): Uint8Array =>
    assembleRequest({ subject: nameOf(id), spki: spkiOf(key), attributes: [], signature: signedBy(key) });

  it('key is refused', async () => {
    const [first, second] = [await offered(one), await offered(two)];
    const key = ecKey();
    await two.say({ word: 'csr', renewal: second, csr: requestFor('dev-2', key) });
    await two.next('cert');
    await one.say({ word: 'csr', renewal: first, csr: requestFor('dev-1', key) });
    expect(await one.next('error')).toMatchObject({ code: 'key_in_use', renewal: first });
  });

  it('key is refused while that device still waits for its certificate', async () => {
    const [first, second] = [await offered(one), await offered(two)];
    const key = ecKey();
    authority.isDown = true;
    await two.say({ word: 'csr', renewal: second, csr: requestFor('dev-2', key) });
    await house.log.until('renewal.requested', { 'nolapse.renewal': second });
    await one.say({ word: 'csr', renewal: first, csr: requestFor('dev-1', key) });
    expect(await one.next('error')).toMatchObject({ code: 'key_in_use', renewal: first });
  });
});

describe('an acknowledgement', () => {
  it('is refused before there is anything to acknowledge', async () => {
    const renewal = await offered(one);
    await one.say({ word: 'ack', renewal, status: 'installed' });
    expect(await one.next('error')).toMatchObject({ code: 'wrong_state', renewal });
  });

  it('that is replayed, early or late, takes nothing back', async () => {
    const renewal = await offered(one);
    const keyPem = await one.request(renewal, false);
    const { certificates } = await one.next('cert');
    for (let i = 0; i < 3; i += 1) await one.say({ word: 'ack', renewal, status: 'installed' });
    await house.log.until('renewal.installed');
    one.credentials = { certificatePem: pemOf(certificates), keyPem };
    await one.report();
    await one.next('done');
    await house.log.until('renewal.confirmed');
    const counted = () => house.metrics.value('nolapse_enrollment_errors_total', { code: 'renewal_closed' });
    const before = await counted();
    for (const status of ['installed', 'failed', 'installed'] as const) {
      await one.say({ word: 'ack', renewal, status });
      expect(await one.next('error')).toMatchObject({ code: 'renewal_closed', renewal });
    }
    expect(await counted()).toBe(before + 3);
    expect(await shown(renewal)).toMatchObject({ state: 'activated', requests: 1 });
    expect(house.log.count('renewal.installed')).toBe(1);
    expect(house.log.count('renewal.failed')).toBe(0);
    for (let i = 0; i < 2; i += 1) await one.report();
    expect(house.log.count('renewal.activated')).toBe(1);
  });
});

describe('in the middle of a renewal', () => {
  it('a gateway that is decommissioned loses its delegations, and another carries it to its end', async () => {
    const renewal = await offered(one);
    const keyPem = await one.request(renewal, false);
    await one.next('cert');
    const gone = new Promise<void>((resolve) => gateway.client.once('close', () => resolve()));
    const done = await house.gateway.operations.decommissionDevice({ id: 'gw-1' });
    expect(done).toMatchObject({ delegations: 1 });
    await gone;
    expect(await house.gateway.operations.listDelegations({})).toMatchObject([{ revokedAt: expect.any(Number) }]);
    expect(await house.gateway.operations.showDevice({ id: 'dev-1' })).toMatchObject({ delegations: [] });

    gateway = await openGateway(house, 'gw-2');
    clients.push(gateway.client);
    await delegate(house, 'gw-2');
    const moved = new SiteDevice(gateway.client, 'dev-1', one.credentials);
    // What gw-1 said of it is over with gw-1.
    await moved.say({ word: 'hello', maxPacket: 4_096 });
    const { certificates } = await moved.next('cert');
    await moved.say({ word: 'ack', renewal, status: 'installed' });
    moved.credentials = { certificatePem: pemOf(certificates), keyPem };
    await moved.report();
    await moved.next('done');
    const { renewals } = await house.gateway.operations.showDevice({ id: 'dev-1' });
    expect(renewals).toMatchObject([{ id: renewal, state: 'activated', via: 'gw-2' }]);
  });

  it('a link that is cut at every message costs a repetition and nothing more', async () => {
    const credentials = await house.gateway.operations.issueDevice({ id: 'gw-1' });
    const again = async (): Promise<void> => {
      gateway.client.stream.destroy();
      gateway = new Speaker(await persistent(credentials), 'gw-1');
      clients.push(gateway.client);
      one = new SiteDevice(gateway.client, 'dev-1', one.credentials);
      await gateway.client.subscribeAsync('$enroll/1/#', { qos: 1 });
    };
    await one.say({ word: 'hello', maxPacket: 4_096 });
    await again();
    const { id: renewal } = await house.gateway.operations.runRenewal({ device: 'dev-1' });
    await again();
    await one.next('offer');
    const { keyPem, csr } = await newRequest('dev-1');
    await one.say({ word: 'csr', renewal, csr });
    await again();
    const { certificates } = await one.next('cert');
    await again();
    await one.say({ word: 'ack', renewal, status: 'installed' });
    await again();
    one.credentials = { certificatePem: pemOf(certificates), keyPem };
    await one.report();
    await house.log.until('renewal.confirmed');
    await again();
    // It was told, and its gateway broke off before it could pass that on: a hello a while later is told again.
    offset += 1_000;
    await one.say({ word: 'hello' });
    await one.next('done');
    expect(await shown(renewal)).toMatchObject({ state: 'activated', requests: 1 });
  });

  it('what waits in the queue of a gateway that is away is not replayed for a device it lost meanwhile', async () => {
    const credentials = await house.gateway.operations.issueDevice({ id: 'gw-1' });
    await gateway.client.endAsync();
    const deaf = await persistent(credentials);
    // Nothing that it receives is acknowledged, so all of it stays in its queue.
    const received: string[] = [];
    deaf.handleMessage = (packet) => void received.push(packet.topic);
    await deaf.subscribeAsync('$enroll/1/+/+', { qos: 1 });
    for (const id of ['dev-1', 'dev-2']) {
      const renewal = await house.gateway.operations.runRenewal({ device: id });
      await house.log.until('renewal.offered', { 'nolapse.renewal': renewal.id });
    }
    const gone = house.log.lines.length;
    deaf.stream.destroy();
    for (const { id } of await house.gateway.operations.listDelegations({})) {
      await house.gateway.operations.revokeDelegation({ id });
    }
    await delegate(house, 'gw-1', { devices: ['dev-2'] });
    expect(house.log.lines.length).toBeGreaterThan(gone);
    const back = await persistent(credentials);
    const topics = new Set<string>();
    const heard = new Promise<void>((resolve) => {
      back.on('message', (topic) => {
        topics.add(topic);
        if (topic.endsWith('/gw-1/error')) resolve();
      });
    });
    await back.publishAsync('$enroll/1/dev-1/hello', '{}', { qos: 1 });
    await heard;
    expect([...topics].sort()).toEqual(['$enroll/1/dev-2/offer', '$enroll/1/gw-1/error']);
  });
});

/** A connection whose session outlives it, as a bridge has it. */
async function persistent(credentials: Credentials): Promise<MqttClient> {
  const client = await connect(house, credentials, 'gw-1:bridge', { clean: false });
  clients.push(client);
  return client;
}
