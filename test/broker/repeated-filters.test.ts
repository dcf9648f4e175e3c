// A SUBSCRIBE that names a filter more than once: a return code for each of its filters, in their order, and the last one's QoS.
import type { TLSSocket } from 'node:tls';
import type { ISubackPacket, Packet } from 'mqtt-packet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectPacket, generate, House, inbox, packetsOf, publishBytes, until } from './harness.ts';

type Asked = readonly (readonly [filter: string, qos: 0 | 1 | 2])[];

const subscribe = (asked: Asked, messageId: number): Buffer =>
  generate({ cmd: 'subscribe', messageId, subscriptions: asked.map(([topic, qos]) => ({ topic, qos })) });

let house: House;
beforeAll(async () => {
  house = await House.open({ subscriptionsPerClientMax: 3 });
});
afterAll(() => house.close());

async function open(id: string, options: object = {}): Promise<{ socket: TLSSocket; packets: Packet[] }> {
  const socket = await house.raw(await house.device(id));
  const packets = packetsOf(socket);
  socket.write(connectPacket(id, options));
  await until(() => packets.length > 0);
  packets.length = 0;
  return { socket, packets };
}

const own = (id: string) => `devices/${id}/in`;

describe.each([
  ['a clean session', true],
  ['a kept session', false],
])('in %s a filter named twice', (_, clean) => {
  const kind = clean ? 'clean' : 'kept';
  it.each<[string, Asked, number[]]>([
    [
      'at once',
      [
        ['', 1],
        ['', 1],
      ],
      [1, 1],
    ],
    [
      'at another QoS',
      [
        ['', 0],
        ['', 2],
        ['', 1],
      ],
      [0, 2, 1],
    ],
    [
      'among others, in their order',
      [
        ['/a', 1],
        ['', 0],
        ['/b', 2],
        ['', 1],
        ['/a', 0],
      ],
      [1, 0, 2, 1, 0],
    ],
    [
      'that is not granted',
      [
        ['!', 1],
        ['', 1],
        ['!', 0],
        ['', 0],
        ['!', 2],
      ],
      [128, 1, 128, 0, 128],
    ],
    [
      'that is no filter',
      [
        ['#/', 1],
        ['', 1],
        ['#/', 1],
        ['', 1],
      ],
      [128, 1, 128, 1],
    ],
    [
      'beyond the limit',
      [
        ['', 1],
        ['/a', 1],
        ['/b', 1],
        ['/c', 1],
        ['', 0],
        ['/c', 0],
      ],
      [1, 1, 1, 128, 0, 128],
    ],
  ])('%s has a code for each', async (what, asked, expected) => {
    const id = `${kind}-${what.replaceAll(/[^a-z]/gi, '')}`;
    const { socket, packets } = await open(id, { clean });
    const named = (filter: string): string => (filter === '!' ? 'devices/other/in' : `${own(id)}${filter}`);
    socket.write(
      subscribe(
        asked.map(([filter, qos]) => [named(filter), qos]),
        513,
      ),
    );
    await until(() => packets.length > 0);
    expect(packets).toMatchObject([{ cmd: 'suback', messageId: 513, granted: expected }]);
    socket.destroy();
  });
});

it('is subscribed to once, at the QoS named last, and sends what is retained behind the answer', async () => {
  const id = 'once';
  const { socket, packets } = await open(id);
  socket.write(publishBytes(own(id), 1, Buffer.from('kept')).fill(0x33, 0, 1));
  await until(() => packets.some(({ cmd }) => cmd === 'puback'));
  packets.length = 0;
  socket.write(
    subscribe(
      [
        [own(id), 2],
        [own(id), 0],
      ],
      9,
    ),
  );
  await until(() => packets.length >= 2);
  socket.write(publishBytes(own(id), 1, Buffer.from('live')));
  await until(() => packets.some((each) => each.cmd === 'publish' && `${each.payload}` === 'live'));
  expect(packets.filter(({ cmd }) => cmd !== 'puback')).toMatchObject([
    { cmd: 'suback', granted: [2, 0] },
    { cmd: 'publish', qos: 0, retain: true },
    { cmd: 'publish', qos: 0, retain: false },
  ]);
  expect(house.entrance.listeners).toEqual([]);
  socket.write(
    subscribe(
      [
        ['$enroll/1/once/+', 1],
        ['$enroll/1/once/+', 1],
      ],
      10,
    ),
  );
  await until(() => house.entrance.listeners.length === 1);
  socket.destroy();
});

it('is given up by an UNSUBSCRIBE that names it twice', async () => {
  const id = 'twice';
  const credential = await house.device(id);
  const client = await house.connected(credential, id);
  const heard = inbox(client);
  await client.subscribeAsync([own(id), `${own(id)}/end`]);
  await client.unsubscribeAsync([own(id), own(id)]);
  await client.publishAsync(own(id), 'lost', { qos: 1 });
  await client.publishAsync(`${own(id)}/end`, 'end', { qos: 1 });
  await until(() => heard.length > 0);
  expect(heard).toEqual([`${own(id)}/end end`]);
});

it('ten thousand times in a packet is answered as often', async () => {
  const { socket, packets } = await open('many');
  socket.write(
    subscribe(
      Array.from({ length: 10_000 }, (_, place) => [own('many'), place === 9_999 ? 1 : 0] as const),
      1,
    ),
  );
  await until(() => packets.length === 1);
  const { granted } = packets[0] as ISubackPacket;
  expect([granted.length, granted.at(0), granted.at(-1)]).toEqual([10_000, 0, 1]);
  socket.destroy();
});
