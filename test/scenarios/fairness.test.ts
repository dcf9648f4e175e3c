// One client sends as much as it can: the others have their answers meanwhile, and of its packets none is lost or overtaken.
import type { Packet } from 'mqtt-packet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Credentials, type House, openHouse } from './harness.ts';
import { publishPacket, Raw } from './raw.ts';

const patient = 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }';
const packets = 50_000;

let house: House;
let flooder: Credentials;
beforeEach(async () => {
  house = await openHouse({ yaml: `${patient}\nlimits: { packetsPerSecond: 1000000, keepalive: 60s }\n` });
  flooder = await house.device('dev-1');
});
afterEach(() => house.close());

const connect = (credentials: Credentials, id: string): Promise<Raw> =>
  Raw.connect(house.gateway.ports.mqtt, credentials, id);

/** Pings until the flood is answered; for each answer, how many of the flood's packets were answered since the one before. */
async function pingDuring(other: Raw, flood: Raw, answered: () => number): Promise<number[]> {
  const steps: number[] = [];
  let last = answered();
  while (answered() < packets) {
    other.send({ cmd: 'pingreq' });
    await other.next('pingresp', steps.length + 1);
    if (flood.socket.destroyed) throw new Error('the flooder was ended');
    steps.push(answered() - last);
    last = answered();
  }
  return steps;
}

const ids = Array.from({ length: packets }, (_, index) => index + 1);
const floods: readonly [kind: string, answer: Packet['cmd'], (messageId: number) => Packet][] = [
  ['PINGREQ', 'pingresp', () => ({ cmd: 'pingreq' })],
  ['PUBREL for nothing', 'pubcomp', (messageId) => ({ cmd: 'pubrel', messageId }) as Packet],
  ['QoS 1 messages', 'puback', (messageId) => publishPacket('devices/dev-1/x', 'x', { qos: 1, messageId })],
];

describe('a client that sends 50,000 packets in one go', () => {
  it.each(floods)('of %s holds up nobody, and has each of them answered in order', async (_, answer, packet) => {
    const other = await connect(await house.device('dev-2'), 'dev-2');
    const flood = await connect(flooder, 'dev-1');
    const before = flood.packets.length;
    flood.send(...ids.map(packet));
    const steps = await pingDuring(other, flood, () => flood.packets.length - before);
    // 128 a turn; some more where the other's ping or an answer missed its turn.
    expect(Math.max(...steps)).toBeLessThan(1_500);
    expect(flood.packets.slice(before).every(({ cmd }) => cmd === answer)).toBe(true);
    if (answer !== 'pingresp') expect(flood.packets.slice(before).map(({ messageId }) => messageId)).toEqual(ids);
    await Promise.all([flood.destroy(), other.destroy()]);
  });
});

describe('limits.packetsPerSecond', () => {
  it('slows down who sends more, and loses nothing of it, not even of one that leaves', async () => {
    await house.close();
    house = await openHouse({ yaml: `${patient}\nlimits: { packetsPerSecond: 1000 }\n` });
    const credentials = await house.device('dev-1');
    const reader = await connect(credentials, 'dev-1:reader');
    reader.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'devices/dev-1/#', qos: 0 }] });
    await reader.next('suback');
    const began = performance.now();
    const sender = await connect(credentials, 'dev-1:sender');
    const numbers = ids.slice(0, 3_000);
    sender.send(...numbers.map((n) => publishPacket('devices/dev-1/x', `${n}`)), { cmd: 'disconnect' });
    await reader.next('publish', numbers.length);
    // A thousand at once, and a thousand in each of two seconds.
    expect(performance.now() - began).toBeGreaterThan(1_900);
    expect(reader.of('publish').map(({ payload }) => Number(payload))).toEqual(numbers);
    await sender.ended();
    await house.log.until('connection.slowed', { 'nolapse.client_id': 'dev-1:sender' });
    expect(house.log.count('connection.slowed')).toBe(1);
    await reader.destroy();
  });
});
