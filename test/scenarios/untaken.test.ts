// A queued message that a device cannot take, so that it breaks off its connection at each: its renewal reaches it all the same, the message
// is dropped after some attempts, and nobody else loses one.
import type { MqttClient } from 'mqtt';
import type { IPublishPacket } from 'mqtt-packet';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { cutsMax } from '../../src/domain/untaken.ts';
import { type Credentials, connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';
import { publishPacket, Raw } from './raw.ts';

/** What the device's buffer holds. */
const bufferBytes = 16_000;
const large = Buffer.alloc(20_000, 'x');
const topic = 'devices/d1/in';

let house: House;
let credentials: Credentials;
const clients: MqttClient[] = [];

beforeEach(async () => {
  house = await openHouse({ yaml: 'classes: { default: { lifetime: 30d } }' });
  credentials = await house.device('d1');
  const first = await Raw.connect(house.gateway.ports.mqtt, credentials, 'd1', { clean: false });
  first.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 2 }] });
  await first.next('suback');
  first.send({ cmd: 'disconnect' });
  await first.ended();
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  await house.close();
});

/** Into the queue of the device, which is away. */
async function publish(payloads: readonly (string | Buffer)[], qos: 1 | 2 = 1): Promise<void> {
  const raw = await Raw.connect(house.gateway.ports.mqtt, credentials, 'd1:publisher');
  for (const [place, payload] of payloads.entries())
    raw.send(publishPacket(topic, payload, { qos, messageId: place + 1 }));
  await raw.next(qos === 1 ? 'puback' : 'pubrec', payloads.length);
  if (qos === 2) {
    for (const place of payloads.keys()) raw.send({ cmd: 'pubrel', messageId: place + 1 });
    await raw.next('pubcomp', payloads.length);
  }
  await raw.destroy();
}

const isLarge = ({ payload }: { payload: string | Buffer }): boolean => payload.length > bufferBytes;

async function acknowledge(raw: Raw, { qos, messageId = 0 }: IPublishPacket): Promise<void> {
  if (qos < 2) return raw.send({ cmd: 'puback', messageId });
  const released = raw.of('pubrel').length;
  raw.send({ cmd: 'pubrec', messageId });
  await raw.until(() => raw.of('pubrel').length > released || raw.of('publish').some(isLarge));
  raw.send({ cmd: 'pubcomp', messageId });
}

/** A connection of the device, which acknowledges what it can take and breaks off at what it cannot. @returns what it took. */
async function visit(until: string): Promise<{ taken: string[]; brokeOff: boolean }> {
  const raw = await Raw.connect(house.gateway.ports.mqtt, credentials, 'd1', { clean: false });
  const taken: string[] = [];
  let seen = 0;
  for (;;) {
    await raw.until(() => raw.of('publish').length > seen);
    const message = raw.of('publish')[seen];
    seen += 1;
    if (!message) continue;
    if (isLarge(message)) {
      await raw.destroy();
      return { taken, brokeOff: true };
    }
    taken.push(`${message.payload}`);
    await acknowledge(raw, message);
    if (taken.at(-1) !== until) continue;
    raw.send({ cmd: 'pingreq' });
    await raw.next('pingresp');
    await raw.destroy();
    return { taken, brokeOff: false };
  }
}

it.each([1, 2] as const)(
  'at QoS %i is dropped after some attempts, told with its principal and counted',
  async (qos) => {
    await publish(['before', large, 'after'], qos);
    const visits: Awaited<ReturnType<typeof visit>>[] = [];
    do visits.push(await visit('after'));
    while (visits.at(-1)?.brokeOff);
    expect(visits.filter(({ brokeOff }) => brokeOff).length).toBeLessThanOrEqual(cutsMax + 1);
    expect(visits.flatMap(({ taken }) => taken).filter((text) => text === 'after')).toHaveLength(1);
    const line = await house.log.until('message.dropped', { 'event.reason': 'not_taken' });
    expect(line).toMatchObject({ 'nolapse.principal': 'd1', 'nolapse.client_id': 'd1', 'nolapse.topic': topic });
    expect(house.log.count('message.dropped')).toBe(1);
    expect(await house.metrics.value('nolapse_messages_dropped_total', { reason: 'not_taken' })).toBe(1);
  },
);

it('does not keep a renewal from its device', async () => {
  await publish([large, large, large]);
  const { id } = await house.gateway.operations.runRenewal({ device: 'd1' });
  let brokenOff = 0;
  const open = async (presented: Credentials): Promise<Speaker> => {
    const client = await connect(house, presented, 'd1', { clean: false });
    clients.push(client);
    client.on('packetreceive', (packet) => {
      if (packet.cmd !== 'publish' || !isLarge(packet)) return;
      brokenOff += 1;
      client.stream.destroy();
    });
    return new Speaker(client, 'd1');
  };
  expect(await visit('')).toEqual({ taken: [], brokeOff: true });
  const device = await (await open(credentials)).listen();
  await device.say({ word: 'hello', maxPacket: 16_000 });
  expect((await device.next('offer')).renewal).toBe(id);
  const { keyPem, csr } = await newRequest('d1');
  await device.say({ word: 'csr', renewal: id, csr });
  const { certificates } = await device.next('cert');
  await device.say({ word: 'ack', renewal: id, status: 'installed' });
  await device.client.endAsync();
  const renewed = await (await open({ certificatePem: pemOf(certificates), keyPem })).listen();
  expect((await renewed.next('done')).renewal).toBe(id);
  expect(brokenOff).toBe(0);
});

it('is kept for a device that leaves by DISCONNECT each time before it has answered', async () => {
  await publish(['one', 'two']);
  for (let times = 0; times < 2 * cutsMax; times += 1) {
    const raw = await Raw.connect(house.gateway.ports.mqtt, credentials, 'd1', { clean: false });
    await raw.next('publish');
    raw.send({ cmd: 'disconnect' });
    await raw.ended();
  }
  expect((await visit('two')).taken).toEqual(['one', 'two']);
  expect(house.log.count('message.dropped')).toBe(0);
});

it('is not blamed for a connection on which others were acknowledged', async () => {
  for (let times = 0; times < 2 * cutsMax; times += 1) {
    await publish([`small ${times}`]);
    expect((await visit(`small ${times}`)).brokeOff).toBe(false);
  }
  await publish(['one', 'two', 'three']);
  for (let times = 0; times < cutsMax - 1; times += 1) {
    const raw = await Raw.connect(house.gateway.ports.mqtt, credentials, 'd1', { clean: false });
    await raw.next('publish');
    await raw.destroy();
  }
  expect((await visit('three')).taken).toEqual(['one', 'two', 'three']);
  expect(house.log.count('message.dropped')).toBe(0);
});
