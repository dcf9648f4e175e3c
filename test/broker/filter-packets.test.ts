// SUBSCRIBE and UNSUBSCRIBE with tens of thousands of filters: read as mqtt-packet reads them, answered in full, and no more of them handed on
// than a session may ask for.
import fc from 'fast-check';
import mqttPacket from 'mqtt-packet';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { PacketParser } from '../../src/broker/aedes-internals.ts';
import { knownFilters, usableFilters } from '../../src/broker/filter-packets.ts';
import { makeStrict } from '../../src/broker/strict-parser.ts';
import { connectPacket, framed, House, packetsOf, until } from './harness.ts';

const subscribe = 0x82;
const unsubscribe = 0xa2;
const most = 1_003;

interface Read {
  readonly filters: readonly unknown[];
  readonly isRefused: boolean;
}

/** What a parser makes of the packet: as mqtt-packet comes, or as the broker makes it. */
function read(bytes: Buffer, isStrict: boolean, pieces: number): Read {
  const parser = mqttPacket.parser();
  if (isStrict) makeStrict(parser as unknown as PacketParser);
  let isRefused = false;
  let filters: readonly unknown[] = [];
  parser.on('error', () => {
    isRefused = true;
  });
  parser.on('packet', (packet) => {
    if (packet.cmd === 'subscribe') filters = packet.subscriptions.map(({ topic, qos }) => [topic, qos]);
    if (packet.cmd === 'unsubscribe') filters = packet.unsubscriptions;
  });
  const step = Math.ceil(bytes.length / pieces);
  for (let at = 0; at < bytes.length && !isRefused; at += step) parser.parse(bytes.subarray(at, at + step));
  return { filters, isRefused };
}

const filter = fc.stringMatching(/^[a-cé]{1,3}(\/[a-cé]{1,2}){0,2}$/);
const broken = fc.constantFrom(Buffer.of(), Buffer.of(0), Buffer.of(0, 5, 97), Buffer.of(0, 1, 97, 3), Buffer.of(0, 1));

function body(filters: readonly string[], options: readonly number[] | null, tail: Buffer): Buffer {
  const parts = filters.map((each, index) => {
    const text = Buffer.from(each);
    return Buffer.concat([
      Buffer.of(text.length >> 8, text.length & 0xff),
      text,
      Buffer.from(options ? [options[index] ?? 0] : []),
    ]);
  });
  return Buffer.concat([Buffer.of(0, 7), ...parts, tail]);
}

it('reads them as mqtt-packet does, in any pieces, and refuses what it refuses', () => {
  const asked = fc.uniqueArray(filter, { minLength: 1, maxLength: 12 });
  const options = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 12, maxLength: 12 });
  fc.assert(
    fc.property(asked, fc.option(options), broken, fc.integer({ min: 1, max: 9 }), (filters, bits, tail, pieces) => {
      const packet = framed(bits ? subscribe : unsubscribe, body(filters, bits, tail));
      expect(read(packet, true, pieces)).toEqual(read(packet, false, 1));
    }),
    { numRuns: 1_000 },
  );
});

it('hands on no more filters of a SUBSCRIBE that differ than it is told, and each of those as often as it came', () => {
  const asked = Array.from({ length: 30_000 }, (_, index) => ({ topic: `f${index % 10_000}`, qos: index % 3 }));
  const used = usableFilters(asked, most);
  expect(new Set(used.map(({ topic }) => topic)).size).toBe(most);
  expect(used).toHaveLength(3 * most);
});

it('hands on the filters of an UNSUBSCRIBE that the session has, wherever they stand, and a bounded number of others', () => {
  const asked = Array.from({ length: 30_000 }, (_, index) => ({ topic: `f${index % 20_000}`, qos: 0 }));
  const own = new Set(['f0', 'f19999']);
  const known = knownFilters(asked, (each) => own.has(each), most);
  expect(known.length).toBeLessThanOrEqual(most + own.size);
  expect(known).toContain('f19999');
});

let house: House;
beforeAll(async () => {
  house = await House.open({ subscriptionsPerClientMax: 3 });
});
afterAll(() => house.close());

it('ends a session that asks for tens of thousands, after a bounded number was judged', async () => {
  const socket = await house.raw(await house.device('many'));
  socket.write(connectPacket('many'));
  await until(() => house.entrance.present.includes('many'));
  const filters = Array.from({ length: 30_000 }, (_, index) => `f${index}`);
  socket.write(framed(subscribe, body(filters, [], Buffer.of())));
  await until(() => !house.entrance.present.includes('many'));
  expect(house.entrance.denials.length).toBeLessThanOrEqual(most);
});

it('answers an UNSUBSCRIBE of tens of thousands, and takes out the one that is there', async () => {
  const socket = await house.raw(await house.device('few'));
  const packets = packetsOf(socket);
  socket.write(connectPacket('few'));
  const own = 'devices/few/in';
  socket.write(framed(subscribe, body([own], [1], Buffer.of())));
  const filters = Array.from({ length: 30_000 }, (_, index) => `f${index}`);
  socket.write(framed(unsubscribe, body([...filters, own], null, Buffer.of())));
  await until(() => packets.some(({ cmd }) => cmd === 'unsuback'), 20_000);
  const publisher = await house.connected(await house.device('few'), 'few:publisher');
  await publisher.publishAsync(own, 'x', { qos: 1 });
  socket.write(Buffer.of(0xc0, 0));
  await until(() => packets.some(({ cmd }) => cmd === 'pingresp'), 20_000);
  expect(packets.map(({ cmd }) => cmd)).toEqual(['connack', 'suback', 'unsuback', 'pingresp']);
});
