// Devices learn the next root from the broker, over real TLS: told, fetched, checked, stored, proved; and what is refused.
import type { MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DownMessage } from '../../src/domain/message.ts';
import { dayMs } from '../../src/domain/time.ts';
import { stepSequenceMax } from '../../src/domain/trust-step.ts';
import { idOf } from '../domain/samples.ts';
import { connect, type House, openHouse, Speaker } from './harness.ts';
import { Learner, Rollover } from './rollover.ts';
import { delegate, openGateway, SiteDevice } from './site.ts';

const classes = `
classes:
  default: { lifetime: 100d, renewAt: 90%, spread: 0%, overlap: 10m, grace: 30d }
  brief: { lifetime: 1h, renewAt: 90%, overlap: 10m, grace: 1h }
`;

/** How far ahead the broker's clock is. */
let ahead = 0;
let house: House;
let rollover: Rollover;
const learners: Learner[] = [];
const clients: MqttClient[] = [];
beforeEach(async () => {
  ahead = 0;
  house = await openHouse({ yaml: classes, clock: { now: () => Date.now() + ahead } });
  rollover = new Rollover(house);
});
afterEach(async () => {
  for (const { device } of learners.splice(0)) await device.stop();
  for (const client of clients.splice(0)) await client.endAsync(true);
  await house.close();
  rollover.close();
});

async function learner(
  id: string,
  more: ConstructorParameters<typeof Learner>[3] = {},
  className = 'default',
): Promise<Learner> {
  const made = new Learner(id, await house.device(id, { class: className }), house.gateway.ports.mqtt, more);
  learners.push(made);
  return made;
}

/** A device whose words a test has in its hands. */
async function speaker(id: string): Promise<Speaker> {
  const client = await connect(house, await house.device(id), id);
  clients.push(client);
  return new Speaker(client, id);
}

const record = (id: string) => house.store.read.trustRecord(idOf(id));
const root = (number: number): string => rollover.fingerprint(number);

describe('a device that learns the next root', () => {
  it.each([
    ['in JSON', { encoding: 'json' }, 'meter-1'],
    [
      'in CBOR with packets of 128 bytes and an id of 64 characters',
      { encoding: 'cbor', maxPacket: 128 },
      'm'.repeat(64),
    ],
    ['with one slot', { together: 1 }, 'meter-1'],
  ] as const)('is told, fetches, stores and proves it %s', async (_, options, id) => {
    const device = await learner(id, options);
    await rollover.open(2);
    device.device.start();
    await device.verified(root(1));
    const proved = device.verified(root(2));
    const renewal = await rollover.release('successor', 1);
    expect((await proved).port).toBe(rollover.root(2).port);
    await house.log.until('trust.stored', { 'nolapse.principal': id });
    const sequence = Number(renewal.slice(1));
    expect(await record(id)).toMatchObject({
      offered: { sequence, root: 2 },
      stored: { sequence, root: 2, by: null },
    });
    expect(await device.held()).toEqual([root(1), root(2)]);
    const dropped = device.stored(await rollover.release('drop', 2));
    await dropped;
    expect(await device.held()).toEqual([root(2)]);
  });

  it('is led through two rollovers that it has slept through', async () => {
    const device = await learner('sleeper');
    for (const number of [2, 3]) await rollover.open(number);
    await rollover.release('successor', 1);
    await rollover.release('drop', 2);
    await rollover.release('successor', 2);
    const proved = device.verified(root(3));
    device.device.start();
    expect((await proved).port).toBe(rollover.root(3).port);
    expect(await device.held()).toEqual([root(2), root(3)]);
  });

  it('goes back where the port shows a chain that it does not trust, says so, and tries again when told', async () => {
    const device = await learner('meter-1');
    const open = await rollover.open(2);
    const first = rollover.root(2).port;
    await rollover.open(3);
    open.close();
    await rollover.reopen(3, first);
    device.device.start();
    await device.verified(root(1));
    const refused = device.device.once('step_refused');
    const renewal = await rollover.release('successor', 1);
    expect(await refused).toMatchObject({ renewal, code: 'port_untrusted' });
    await house.log.until('trust.failed', { 'event.reason': 'port_untrusted' });
    expect(await device.held()).toEqual([root(1), root(2)]);
    expect(await record('meter-1')).toMatchObject({ stored: { root: 2 } });
    const told = await house.store.read.trustTold(idOf('meter-1'));
    expect(told?.nextAt).toBeGreaterThan(Date.now() + dayMs / 48);
    // The port is put right, and the broker's clock brings the next announcement.
    await rollover.swap(2, first);
    const proved = device.verified(root(2));
    ahead += dayMs / 12;
    await proved;
  });

  it('refuses a step that another key has signed, and keeps what it has', async () => {
    const device = await learner('meter-1');
    for (const number of [2, 3]) await rollover.open(number);
    device.device.start();
    await device.verified(root(1));
    const refused = device.device.once('step_refused');
    await rollover.release('successor', 1, 2, 3);
    expect(await refused).toMatchObject({ code: 'bad_signature' });
    await house.log.until('trust.failed', { 'event.reason': 'bad_signature' });
    expect(await device.held()).toEqual([root(1)]);
    expect((await record('meter-1'))?.stored).toBeNull();
  });

  it('is told in the renew-only lane too', async () => {
    const device = await learner('late', {}, 'brief');
    await rollover.open(2);
    await rollover.release('successor', 1);
    ahead = 90 * 60_000;
    const proved = device.verified(root(2));
    device.device.start();
    await proved;
    await house.log.until('admission.admitted', { 'event.reason': 'expired_in_grace' });
  });

  it('gives a withdrawn root up, and takes the next one from the root before', async () => {
    const device = await learner('meter-1');
    for (const number of [2, 3]) await rollover.open(number);
    device.device.start();
    await device.verified(root(1));
    const proved = device.verified(root(2));
    await rollover.release('successor', 1);
    await proved;
    const back = device.verified(root(1));
    await device.stored(await rollover.release('withdraw', 2));
    device.device.sleep(10);
    await back;
    expect(await device.held()).toEqual([root(1)]);
    const other = device.verified(root(3));
    await rollover.release('successor', 1, 3);
    await other;
  });
});

describe('what a device says of steps', () => {
  const refusals: [string, (told: string) => { renewal: string; status: 'stored' | 'failed' | 'installed' }, string][] =
    [
      ['keeps a step that it was never told of', () => ({ renewal: 't123', status: 'stored' }), 'unknown_renewal'],
      ['failed at one', () => ({ renewal: 't123', status: 'failed' }), 'unknown_renewal'],
      [
        'keeps the last step that there can be',
        () => ({ renewal: `t${stepSequenceMax}`, status: 'stored' }),
        'unknown_renewal',
      ],
      [
        'names one beyond that',
        () => ({ renewal: `t${stepSequenceMax}`.slice(0, -1), status: 'stored' }),
        'unknown_renewal',
      ],
      ['has installed a step', (told) => ({ renewal: told, status: 'installed' }), 'wrong_state'],
    ];

  it.each(refusals)('is refused where it %s, and changes nothing', async (_, ack, code) => {
    await rollover.open(2);
    const told = await rollover.release('successor', 1);
    const device = await (await speaker('meter-1')).listen();
    expect(await device.next('trust')).toMatchObject({ renewal: told });
    const before = [await record('meter-1'), await house.store.read.trustTold(idOf('meter-1'))];
    await device.say({ word: 'ack', ...ack(told) });
    expect(await device.next('error')).toMatchObject({ code });
    expect([await record('meter-1'), await house.store.read.trustTold(idOf('meter-1'))]).toEqual(before);
  });

  it('is refused of a step that only another was told of', async () => {
    await rollover.open(2);
    const renewal = await rollover.release('successor', 1);
    await (await (await speaker('meter-1')).listen()).next('trust');
    const device = await speaker('meter-2');
    await device.client.subscribeAsync('$enroll/1/meter-2/error', { qos: 1 });
    await device.say({ word: 'ack', renewal, status: 'stored' });
    expect(await device.next('error')).toMatchObject({ code: 'unknown_renewal', renewal });
    await device.say({ word: 'get', renewal, offset: 0, length: 10 });
    expect(await device.next('error')).toMatchObject({ code: 'unknown_renewal', renewal });
    expect(await record('meter-2')).toBeNull();
  });

  it('is refused of a step that is not released', async () => {
    await rollover.open(2);
    const { kept, bytes } = rollover.sign('successor', 1);
    await house.store.transact((tx) => tx.putTrustStep({ ...kept, announcedFrom: null }, bytes));
    const device = await (await speaker('meter-1')).listen();
    const renewal = `t${kept.sequence}`;
    await device.say({ word: 'get', renewal, offset: 0, length: 10 });
    expect(await device.next('error')).toMatchObject({ code: 'unknown_renewal' });
    await device.say({ word: 'ack', renewal, status: 'stored' });
    expect(await device.next('error')).toMatchObject({ code: 'unknown_renewal' });
    expect(await record('meter-1')).toBeNull();
  });

  it('counts once, however often it is said', async () => {
    await rollover.open(2);
    const renewal = await rollover.release('successor', 1);
    const device = await (await speaker('meter-1')).listen();
    await device.next('trust');
    for (let times = 0; times < 3; times += 1) await device.say({ word: 'ack', renewal, status: 'stored' });
    await device.say({ word: 'hello' });
    await device.nothingDue();
    expect(house.log.count('trust.stored')).toBe(1);
  });

  it('brings any stretch of the step, and says where there is none', async () => {
    await rollover.open(2);
    const { kept, bytes } = rollover.sign('successor', 1);
    await rollover.put(kept, bytes);
    const device = await (await speaker('meter-1')).listen();
    const { renewal, size } = await device.next('trust');
    expect(size).toBe(bytes.length);
    await device.say({ word: 'get', renewal, offset: 70, length: 9 });
    const part = await device.next('part');
    expect(part).toMatchObject({ renewal, offset: 70, total: size });
    expect(Buffer.from(part.bytes).equals(Buffer.from(bytes.subarray(70, 79)))).toBe(true);
    await device.say({ word: 'get', renewal, offset: size, length: 1 });
    expect(await device.next('error')).toMatchObject({ code: 'part_out_of_range', renewal });
    const whole: Uint8Array[] = [];
    await device.say({ word: 'get', renewal, offset: 0, length: 16_384 });
    for (let at = 0; at < size; at += whole.at(-1)?.length ?? size) whole.push((await device.next('part')).bytes);
    expect(Buffer.concat(whole).equals(Buffer.from(bytes))).toBe(true);
  });
});

describe('an announcement', () => {
  it('comes after what is owed of a renewal', async () => {
    await rollover.open(2);
    await rollover.release('successor', 1);
    const device = await speaker('meter-1');
    await house.gateway.operations.runRenewal({ device: 'meter-1' });
    await device.listen();
    await device.next('trust');
    expect(device.heard[0]?.word).toBe('offer');
  });

  it('costs a client that does not know the word few packets', async () => {
    await rollover.open(2);
    await rollover.release('successor', 1);
    const words: string[] = [];
    const device = await speaker('meter-1');
    device.client.on('message', (topic) => words.push(topic.split('/').at(-1) ?? ''));
    await device.listen();
    for (let times = 0; times < 8; times += 1) {
      await device.say({ word: 'hello' });
      await device.nothingDue();
    }
    expect(words.filter((word) => word === 'trust')).toHaveLength(1);
    // A month with a hello every six hours.
    for (let hours = 0; hours < 30 * 24; hours += 6) {
      ahead += dayMs / 4;
      await device.say({ word: 'hello' });
      await device.nothingDue();
    }
    expect(words.filter((word) => word === 'trust').length).toBeLessThan(14);
  });

  it('goes to nobody who does not subscribe to it', async () => {
    await rollover.open(2);
    await rollover.release('successor', 1);
    const device = await speaker('meter-1');
    await device.client.subscribeAsync('$enroll/1/meter-1/offer', { qos: 1 });
    await device.client.subscribeAsync('$enroll/1/meter-1/error', { qos: 1 });
    await device.say({ word: 'hello' });
    await device.nothingDue();
    expect(await house.store.read.trustTold(idOf('meter-1'))).toBeNull();
  });
});

describe('a site gateway', () => {
  it('is told for its devices, fetches for them, and its word is that they store it', async () => {
    await rollover.open(2);
    const gateway = await openGateway(house, 'gw-1');
    clients.push(gateway.client);
    const device = new SiteDevice(gateway.client, 'dev-1', await house.device('dev-1'));
    await delegate(house, 'gw-1');
    const renewal = await rollover.release('successor', 1);
    expect(await device.next('trust')).toMatchObject({ renewal, port: rollover.root(2).port });
    // The gateway is a principal too.
    expect(await gateway.next('trust')).toMatchObject({ renewal });
    const size = (await house.store.read.trustSteps())[0]?.size ?? 0;
    await device.say({ word: 'get', renewal, offset: 0, length: size });
    expect((await device.next('part')).total).toBe(size);
    await device.say({ word: 'ack', renewal, status: 'stored' });
    await house.log.until('trust.stored', { 'nolapse.principal': 'dev-1', 'nolapse.gateway': 'gw-1' });
    expect(await record('dev-1')).toMatchObject({ stored: { root: 2, by: 'gw-1' }, last: null });
    // On its own connection the device is asked for its own word.
    const own = new Speaker(await connect(house, device.credentials, 'dev-1'), 'dev-1');
    clients.push(own.client);
    await own.listen();
    await own.next('trust');
    await own.say({ word: 'ack', renewal, status: 'stored' });
    await house.log.until('trust.stored', { 'nolapse.principal': 'dev-1', 'nolapse.gateway': undefined });
    expect(await record('dev-1')).toMatchObject({ stored: { root: 2, by: null } });
  });

  it('says nothing for a device that was not delegated to it', async () => {
    await rollover.open(2);
    const renewal = await rollover.release('successor', 1);
    const gateway = await openGateway(house, 'gw-1');
    clients.push(gateway.client);
    const own = await (await speaker('dev-1')).listen();
    await own.next('trust');
    const device = new SiteDevice(gateway.client, 'dev-1', { certificatePem: '', keyPem: '' });
    await device.say({ word: 'ack', renewal, status: 'stored' });
    expect(await gateway.next('error')).toMatchObject({ code: 'not_delegated' });
    expect((await record('dev-1'))?.stored).toBeNull();
    expect(own.heard.filter(({ word }: DownMessage) => word === 'error')).toEqual([]);
  });
});
