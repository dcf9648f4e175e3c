// What a gateway may not do for others: each attempt has its code on the gateway's own topic, a count, a line in the log and one
// in the journal that names both, and changes nothing for the device.
import { join } from 'node:path';
import type { MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqlite } from '../../src/store/sqlite/sqlite.ts';
import { type Credentials, connect, type House, newRequest, openHouse, Speaker } from './harness.ts';
import { until } from './recorder.ts';
import { delegate, openGateway, SiteDevice } from './site.ts';

const hour = 3_600_000;
const classes = 'classes: { default: { lifetime: 10d, renewAt: 5d, overlap: 1d, grace: 10d } }';

let house: House;
let gateway: Speaker;
let device: SiteDevice;
let offset = 0;
/** What the gateway was refused so far: in whose name, and with which code. */
const refused: string[] = [];
const clients: MqttClient[] = [];

beforeEach(async () => {
  offset = 0;
  house = await openHouse({ yaml: classes, clock: { now: () => Date.now() + offset } });
  gateway = await openGateway(house, 'gw-1');
  clients.push(gateway.client);
  device = await deviceBehind('dev-1');
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  // Every one of them is in the journal too, with both names.
  if (refused.length > 0) {
    const kept = (await keptRefusals()).map((detail) => detail.split(': ').slice(0, 2).join(': '));
    expect(kept).toEqual(expect.arrayContaining(refused.splice(0)));
  }
  await house.close();
});

/** A device whose first certificate was seen in use. */
async function deviceBehind(id: string, more: { site?: string } = {}): Promise<SiteDevice> {
  const credentials = await house.device(id, more);
  await (await connect(house, credentials, id)).endAsync();
  return new SiteDevice(gateway.client, id, credentials);
}

const run = async (id: string): Promise<string> => (await house.gateway.operations.runRenewal({ device: id })).id;
const hello = (of: Speaker = device) => of.say({ word: 'hello' });

async function stateOf(id: string) {
  const { certificates, renewals, contact } = await house.gateway.operations.showDevice({ id });
  return {
    certificates: certificates.map(({ serial, state }) => ({ serial, state })),
    renewals: renewals.map(({ id: renewal, state, requests, via }) => ({ renewal, state, requests, via })),
    said: [contact?.encoding ?? null, contact?.packetBytesMax ?? null, contact?.slots ?? null],
  };
}

async function expectRefused(
  code: string,
  send: () => Promise<unknown>,
  about = 'dev-1',
): Promise<{ retryAfter?: number }> {
  const before = about === 'nobody' ? null : await stateOf(about);
  const since = house.log.lines.length;
  const counted = await house.metrics.value('nolapse_enrollment_errors_total', { code });
  await send();
  const error = await gateway.next('error');
  expect(error).toMatchObject({ code, detail: expect.stringMatching(new RegExp(`^${about}: `)) });
  const told = { 'event.reason': code, 'nolapse.principal': about, 'nolapse.gateway': 'gw-1' };
  await house.log.until('delegation.refused', told, since);
  expect(house.log.lines.slice(since).filter((line) => line['event.action'] === 'delegation.refused')).toHaveLength(1);
  expect(await house.metrics.value('nolapse_enrollment_errors_total', { code })).toBe(counted + 1);
  if (before) expect(await stateOf(about)).toEqual(before);
  // What was offered before may be offered once more, by its gateway's round beside the queue: that answers nothing.
  const offered = before
    ? before.renewals.filter(({ state }) => state === 'offered').map(({ renewal }) => renewal)
    : [];
  expect(device.heard.filter(({ word, renewal }) => word !== 'offer' || !offered.includes(`${renewal}`))).toEqual([]);
  refused.push(`gw-1 for ${about}: ${code}`);
  return error;
}

/** What the journal keeps of the gateway's refusals, in order; read from the file, while no broker has it open. */
async function keptRefusals(): Promise<string[]> {
  let kept: { principal: string; detail: string }[] = [];
  await house.restart(() => {
    const file = openSqlite(join(house.home, 'nolapse.db'));
    const query =
      "SELECT principal_id AS principal, detail FROM journal WHERE action = 'delegation.refused' ORDER BY id";
    kept = file.prepare<[], { principal: string; detail: string }>(query).all();
    file.close();
  });
  expect(new Set(kept.map(({ principal }) => principal))).toEqual(new Set(kept.length > 0 ? ['gw-1'] : []));
  return kept.map(({ detail }) => detail);
}

describe('a gateway is refused', () => {
  it('a device that nobody delegated to it, and one that nobody has, alike', async () => {
    await expectRefused('not_delegated', () => hello());
    await expectRefused('not_delegated', () => hello(new Speaker(gateway.client, 'nobody')), 'nobody');
    await delegate(house, 'gw-1', { devices: ['dev-1'] });
    const other = await deviceBehind('dev-2');
    await expectRefused('not_delegated', () => hello(other), 'dev-2');
    const { csr } = await newRequest('dev-2');
    const renewal = await run('dev-2');
    await expectRefused('not_delegated', () => other.say({ word: 'csr', renewal, csr }), 'dev-2');
    await expectRefused('not_delegated', () => other.say({ word: 'get', renewal, offset: 0, length: 9 }), 'dev-2');
    await expectRefused('not_delegated', () => other.say({ word: 'ack', renewal, status: 'installed' }), 'dev-2');
    expect(other.heard).toEqual([]);
  });

  it('other gateways and services, whatever their site', async () => {
    await house.device('gw-2', { kind: 'gateway', site: 'north' });
    await house.device('backend', { kind: 'service', site: 'north' });
    await delegate(house, 'gw-1', { site: 'north' });
    await expectRefused('not_delegated', () => hello(new Speaker(gateway.client, 'gw-2')), 'gw-2');
    await expectRefused('not_delegated', () => hello(new Speaker(gateway.client, 'backend')), 'backend');
  });

  it('a delegation past its end', async () => {
    await delegate(house, 'gw-1', { until: '2h' });
    await hello();
    offset = 2 * hour + 1_000;
    await expectRefused('delegation_ended', () => hello());
  });

  it('a delegation that was revoked, at the next message and for what is said to the device', async () => {
    const { id } = await delegate(house, 'gw-1');
    const renewal = await run('dev-1');
    expect((await device.next('offer')).renewal).toBe(renewal);
    await house.gateway.operations.revokeDelegation({ id });
    const { csr } = await newRequest('dev-1');
    await expectRefused('not_delegated', () => device.say({ word: 'csr', renewal, csr }));
    device.heard.length = 0;
    const other = await deviceBehind('dev-2');
    await delegate(house, 'gw-1', { devices: ['dev-2'] });
    const itself = await new Speaker(await connect(house, device.credentials, 'dev-1'), 'dev-1').listen();
    clients.push(itself.client);
    expect((await itself.next('offer')).renewal).toBe(renewal);
    await run('dev-2');
    await other.next('offer');
    expect(device.heard).toEqual([]);
    await house.log.until('delegation.revoked');
  });

  it('a key mode that was not granted', async () => {
    await delegate(house, 'gw-1', { modes: ['recertify'] });
    const renewal = await run('dev-1');
    await device.next('offer');
    await house.log.until('renewal.offered');
    const { csr } = await newRequest('dev-1');
    await expectRefused('mode_not_granted', () => device.say({ word: 'csr', renewal, csr }));
    await delegate(house, 'gw-1', { modes: ['csr'] });
    await device.say({ word: 'hello', maxPacket: 4_096 });
    await device.say({ word: 'csr', renewal, csr });
    expect((await device.next('cert')).renewal).toBe(renewal);
  });

  it('more renewals than the daily limit, until the next day, and repeats of one are one', async () => {
    await delegate(house, 'gw-1', { site: 'north', daily: 1, until: '5d' });
    const [one, two] = [await deviceBehind('dev-3', { site: 'north' }), await deviceBehind('dev-4', { site: 'north' })];
    for (const each of [one, two]) await each.say({ word: 'hello', maxPacket: 4_096 });
    const [first, second] = [await run('dev-3'), await run('dev-4')];
    for (const each of [one, two]) await each.next('offer');
    for (let i = 0; i < 2; i += 1) {
      await one.request(first, false);
      await one.next('cert');
    }
    await house.log.until('renewal.offered', { 'nolapse.renewal': second });
    const { csr } = await newRequest('dev-4');
    const request = () => two.say({ word: 'csr', renewal: second, csr });
    const { retryAfter = 0 } = await expectRefused('delegation_exhausted', request, 'dev-4');
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(86_400);
    offset = retryAfter * 1_000;
    await request();
    expect((await two.next('cert')).renewal).toBe(second);
    expect(await house.gateway.operations.listDelegations({})).toMatchObject([{ usedToday: 1 }]);
  });

  it('more renewals than the daily limit, however many ask at the same moment, and none of them is lost', async () => {
    await delegate(house, 'gw-1', { site: 'north', daily: 3, until: '5d' });
    const devices: SiteDevice[] = [];
    for (let i = 1; i <= 8; i += 1) devices.push(await deviceBehind(`dev-${i}0`, { site: 'north' }));
    const renewals = new Map<SiteDevice, string>();
    for (const each of devices) {
      await each.say({ word: 'hello', maxPacket: 4_096 });
      renewals.set(each, await run(each.id));
      await each.next('offer');
    }
    const ask = (of: readonly SiteDevice[]) =>
      Promise.all(of.map((each) => each.request(renewals.get(each) ?? '', false)));
    await ask(devices);
    const late: SiteDevice[] = [];
    let pause = 0;
    for (let i = 0; i < 5; i += 1) {
      const error = await gateway.next('error');
      expect(error).toMatchObject({ code: 'delegation_exhausted' });
      pause = error.retryAfter ?? 0;
      late.push(...devices.filter(({ id }) => error.detail?.startsWith(`${id}: `)));
    }
    const early = devices.filter((each) => !late.includes(each));
    expect([new Set(late).size, early.length]).toEqual([5, 3]);
    for (const each of early) await each.next('cert');
    expect(await house.gateway.operations.listDelegations({})).toMatchObject([{ usedToday: 3 }]);
    offset = pause * 1_000;
    await ask(late.slice(0, 3));
    for (const each of late.slice(0, 3)) await each.next('cert');
  });

  it('a device that is quarantined or decommissioned', async () => {
    await delegate(house, 'gw-1');
    await hello();
    await house.gateway.operations.quarantineDevice({ id: 'dev-1' });
    await expectRefused('not_delegated', () => hello());
    await house.gateway.operations.quarantineDevice({ id: 'dev-1', release: true });
    await hello();
    await house.gateway.operations.decommissionDevice({ id: 'dev-1' });
    await expectRefused('not_delegated', () => hello());
  });

  it('everything while its own certificate has expired and only renewal is open to it', async () => {
    await delegate(house, 'gw-1', { until: '30d' });
    const { certificatePem, keyPem } = await house.gateway.operations.issueDevice({ id: 'gw-1' });
    const credentials: Credentials = { certificatePem, keyPem };
    await (await connect(house, credentials, 'gw-1:seen')).endAsync();
    offset = 11 * 24 * hour;
    await house.log.until('renewal.due', { 'nolapse.principal': 'dev-1' });
    const client = await connect(house, credentials, 'gw-1:late');
    clients.push(client);
    gateway = await new Speaker(client, 'gw-1').listen();
    device = new SiteDevice(client, 'dev-1', device.credentials);
    await expectRefused('not_authorized', () => hello());
    await expect(client.subscribeAsync('$enroll/1/dev-1/+')).rejects.toThrow();
    await expect(client.subscribeAsync('$enroll/1/+/+')).rejects.toThrow();
    expect((await gateway.next('offer')).mode).toBe('csr');
  });

  it('as often as it asks, and the journal keeps no more of it than somebody would read', async () => {
    const attempts = 130;
    const since = house.log.lines.length;
    const counted = await house.metrics.value('nolapse_enrollment_errors_total', { code: 'not_delegated' });
    for (let i = 0; i < attempts; i += 1) gateway.client.publish('$enroll/1/dev-1/hello', '{}', { qos: 1 });
    await until(
      (wake) => {
        gateway.client.on('message', wake);
        return () => gateway.client.off('message', wake);
      },
      () => (gateway.heard.length === attempts ? true : undefined),
      () => `heard ${gateway.heard.length}`,
    );
    expect(gateway.heard).toEqual(Array(attempts).fill(expect.objectContaining({ code: 'not_delegated' })));
    const told = house.log.lines.slice(since).filter((line) => line['event.action'] === 'delegation.refused');
    expect(told.length).toBeLessThan(40);
    expect(await house.metrics.value('nolapse_enrollment_errors_total', { code: 'not_delegated' })).toBe(
      counted + attempts,
    );
    const kept = await keptRefusals();
    expect(kept[0]).toBe('gw-1 for dev-1: not_delegated: not a device of yours');
    expect(kept).toHaveLength(100);
  });
});

describe('a refusal', () => {
  it('names the device even where the reason no longer fits into the packets of the gateway', async () => {
    const [long, one, two] = ['g', 'd', 'e'].map((letter) => letter.repeat(64)) as [string, string, string];
    const speaker = await openGateway(house, long);
    clients.push(speaker.client);
    await delegate(house, long, { site: 'north', daily: 1, until: '2d' });
    for (const id of [one, two]) {
      const credentials = (await deviceBehind(id, { site: 'north' })).credentials;
      const behind = new SiteDevice(speaker.client, id, credentials);
      const renewal = await run(id);
      await behind.request(renewal, false);
    }
    expect(await speaker.next('error')).toMatchObject({ code: 'delegation_exhausted', detail: two });
  });
});

describe('nobody else speaks for a device', () => {
  it.each(['device', 'service'] as const)('not a %s', async (kind) => {
    const credentials = await house.device('dev-9', { kind });
    const client = await connect(house, credentials, 'dev-9');
    clients.push(client);
    const speaker = await new Speaker(client, 'dev-9').listen();
    await hello(new Speaker(client, 'dev-1'));
    expect(await speaker.next('error')).toMatchObject({ code: 'not_authorized' });
    await house.log.until('access.denied', { 'nolapse.principal': 'dev-9' });
    await expect(client.subscribeAsync('$enroll/1/+/+')).rejects.toThrow();
    await expect(
      house.gateway.operations.addDelegation({
        gateway: 'dev-9',
        devices: ['dev-1'],
        modes: ['csr'],
        until: '1d',
        daily: 1,
      }),
    ).rejects.toMatchObject({ faults: [`gateway: dev-9 is a ${kind}`] });
  });
});
