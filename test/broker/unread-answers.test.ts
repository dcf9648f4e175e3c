// A client that asks on and on and does not read what it is answered: the broker keeps a bounded number of answers for it, and then ends
// its session. One that is as far behind and asks for less is left alone.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answersUnreadMax } from '../../src/broker/unread-answers.ts';
import { connectPacket, generate, House, packetsOf, publishBytes, until } from './harness.ts';

let house: House;
beforeAll(async () => {
  house = await House.open({
    drainMs: 120_000,
    stallMs: 50,
    outboundBytesMax: 64 * 1024 * 1024,
    packetsPerSecondMax: 1_000_000,
  });
});
afterAll(() => house.close());

/** A client that is sent more than the kernel takes, and reads none of it. */
async function stuck(id: string) {
  const socket = await house.raw(await house.service(id, { publish: ['devices/#'], subscribe: [`devices/${id}/#`] }));
  const packets = packetsOf(socket);
  const subscriptions = [{ topic: `devices/${id}/#`, qos: 0 as const }];
  socket.write(Buffer.concat([connectPacket(id), generate({ cmd: 'subscribe', messageId: 1, subscriptions })]));
  await until(() => packets.length === 2);
  socket.pause();
  const filler = await house.service(`${id}-filler`, { publish: ['devices/#'], subscribe: [] });
  const publisher = await house.connected(filler, `${id}-filler`);
  for (let i = 0; i < 60; i += 1) await publisher.publishAsync(`devices/${id}/fill`, Buffer.alloc(200 * 1024));
  await publisher.publishAsync('devices/other/last', 'x', { qos: 1 });
  await publisher.endAsync();
  return socket;
}

const ended = (id: string): boolean =>
  house.told('session.ended').some((line) => line.reason === 'slow_reader' && JSON.stringify(line).includes(`"${id}"`));

const nothing = Buffer.alloc(0);
const asks = [
  ['QoS 1 messages', (n: number) => publishBytes('devices/x/y', 1, nothing, 1 + (n % 65_535))],
  ['QoS 2 messages', (n: number) => publishBytes('devices/x/y', 2, nothing, 1 + (n % 65_535))],
  ['PINGREQ', () => Buffer.from([0xc0, 0])],
  [
    'UNSUBSCRIBE',
    (n: number) => generate({ cmd: 'unsubscribe', messageId: 1 + (n % 65_535), unsubscriptions: ['devices/none'] }),
  ],
] as const;

describe('a client that does not read its answers', () => {
  it.each(asks)('is ended when too many wait: %s', async (name, ask) => {
    const id = `s-${asks.findIndex(([each]) => each === name)}`;
    const socket = await stuck(id);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    for (let i = 0; i < answersUnreadMax + 10; i += 1) socket.write(ask(i));
    await until(() => ended(id));
    socket.resume();
    await closed;
  });

  it.each(asks)('is left alone while fewer wait: %s', async (name, ask) => {
    const id = `t-${asks.findIndex(([each]) => each === name)}`;
    const socket = await stuck(id);
    const before = packetsOf(socket);
    const few = 1_000;
    for (let i = 0; i < few; i += 1) socket.write(ask(i));
    socket.resume();
    // Everything it was sent, and all answers.
    await until(() => before.filter(({ cmd }) => cmd !== 'publish').length >= few);
    expect(ended(id)).toBe(false);
    socket.destroy();
  });
});
