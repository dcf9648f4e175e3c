// A retained message that a device cannot take, so that it breaks off its connection at each SUBSCRIBE: after some attempts it is kept from
// that device until it changes, and everybody else still has it.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { cutsMax } from '../../src/domain/untaken.ts';
import { type Credentials, type House, openHouse } from './harness.ts';
import { publishPacket, Raw } from './raw.ts';

const large = 'x'.repeat(20_000);
const topic = 'devices/d1/config';

let house: House;
let credentials: Credentials;

beforeEach(async () => {
  house = await openHouse({ yaml: 'classes: { default: { lifetime: 30d } }' });
  credentials = await house.device('d1');
  await retain(topic, large);
  await retain('devices/d1/state', 'small');
});
afterEach(() => house.close());

async function retain(on: string, payload: string): Promise<void> {
  const raw = await Raw.connect(house.gateway.ports.mqtt, credentials, 'd1:publisher');
  raw.send(publishPacket(on, payload, { qos: 1, messageId: 1, retain: true }));
  await raw.next('puback');
  await raw.destroy();
}

/** Subscribes to all that is the device's, and is told what came by the time an answer to a PINGREQ has. */
async function visit(clientId: string, end: (raw: Raw) => Promise<void> | void): Promise<string[]> {
  const raw = await Raw.connect(house.gateway.ports.mqtt, credentials, clientId);
  raw.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'devices/d1/#', qos: 0 }] });
  await raw.until(() => raw.of('publish').some((packet) => packet.topic === 'devices/d1/state'));
  const topics = raw.of('publish').map((packet) => packet.topic);
  await end(raw);
  return topics;
}

const breakOff = async (raw: Raw): Promise<void> => raw.destroy();
const sayGoodbye = async (raw: Raw): Promise<void> => {
  raw.send({ cmd: 'disconnect' });
  await raw.ended();
};

async function breakOffAgainAndAgain(): Promise<void> {
  for (let cut = 0; cut < cutsMax; cut += 1) expect(await visit('d1', breakOff)).toContain(topic);
  await house.log.until('message.dropped', { 'event.reason': 'not_taken' });
}

it('is kept from the device that breaks off, told and counted, and from nobody else', async () => {
  await breakOffAgainAndAgain();
  const line = await house.log.until('message.dropped', { 'event.reason': 'not_taken' });
  expect(line).toMatchObject({ 'nolapse.principal': 'd1', 'nolapse.client_id': 'd1', 'nolapse.topic': topic });
  expect(await house.metrics.value('nolapse_messages_dropped_total', { reason: 'not_taken' })).toBe(1);
  expect(await visit('d1', breakOff)).toEqual(['devices/d1/state']);
  expect(await visit('d1:other', breakOff)).toContain(topic);
  expect(house.log.count('message.dropped')).toBe(1);
});

it('is sent again once it has changed', async () => {
  await breakOffAgainAndAgain();
  await retain(topic, `${large}!`);
  expect(await visit('d1', breakOff)).toContain(topic);
});

it('is not kept from a device that leaves in order between, however often it breaks off', async () => {
  for (let round = 0; round < 3; round += 1) {
    for (let cut = 1; cut < cutsMax; cut += 1) expect(await visit('d1', breakOff)).toContain(topic);
    expect(await visit('d1', sayGoodbye)).toContain(topic);
  }
  expect(house.log.count('message.dropped')).toBe(0);
});
