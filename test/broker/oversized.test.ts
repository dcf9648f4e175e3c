// A message larger than is taken: acknowledged and thrown away, whatever its QoS and however it comes, without a word to anybody who may
// not publish there; and what a flood of them costs, and whom.
import type { TLSSocket } from 'node:tls';
import type { Packet } from 'mqtt-packet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { connectPacket, generate, House, inbox, packetsOf, publishBytes, until } from './harness.ts';
import type { Credential } from './test-pki.ts';

const limit = 2_048;
const secondLimit = 400_000;

/** A PUBLISH of 3,000 bytes and more. */
const large = (topic: string, fields: Partial<Packet & { qos: 0 | 1 | 2; messageId: number }> = {}): Buffer =>
  generate({
    cmd: 'publish',
    topic,
    payload: Buffer.alloc(3_000, 'x'),
    qos: 1,
    messageId: 7,
    dup: false,
    retain: false,
    ...fields,
  } as Packet);

describe('a message above the limit', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open(
      { packetBytesMax: limit, packetBytesMaxDiscarded: secondLimit },
      { websocket: { host: '127.0.0.1', port: 0, path: '/mqtt' } },
    );
  });
  afterAll(() => house.close());

  /** A persistent session on a bare socket, and what it is sent. */
  async function open(credential: Credential, id: string): Promise<{ socket: TLSSocket; packets: Packet[] }> {
    const socket = await house.raw(credential);
    const packets = packetsOf(socket);
    socket.write(connectPacket(id, { clean: false }));
    await until(() => packets.length > 0);
    packets.length = 0;
    return { socket, packets };
  }

  const ping = async ({ socket, packets }: Awaited<ReturnType<typeof open>>): Promise<Packet[]> => {
    socket.write(generate({ cmd: 'pingreq' }));
    await until(() => packets.some(({ cmd }) => cmd === 'pingresp'));
    return packets.filter(({ cmd }) => cmd !== 'pingresp');
  };

  it.each([
    [0, []],
    [1, ['puback 7']],
    [2, ['pubrec 7']],
  ] as const)('at QoS %i is thrown away, told and acknowledged', async (qos, expected) => {
    const id = `q${qos}`;
    const session = await open(await house.device(id), id);
    session.socket.write(large(`devices/${id}/dump`, { qos }));
    const answers = await ping(session);
    expect(answers.map((each) => `${each.cmd} ${each.messageId}`)).toEqual(expected);
    expect(house.entrance.dropped.filter((each) => each.id === id)).toEqual([
      { id, topic: `devices/${id}/dump`, bytes: large(`devices/${id}/dump`, { qos }).length },
    ]);
  });

  it('reaches nobody and is retained by nobody', async () => {
    const credential = await house.device('d1');
    const reader = await house.connected(credential, 'd1:reader');
    const heard = inbox(reader);
    await reader.subscribeAsync('devices/d1/#', { qos: 1 });
    const session = await open(credential, 'd1');
    session.socket.write(large('devices/d1/dump', { retain: true }));
    await ping(session);
    await reader.publishAsync('devices/d1/end', 'of it', { qos: 1 });
    await until(() => heard.includes('devices/d1/end of it'));
    const late = await house.connected(credential, 'd1:late');
    const kept = inbox(late);
    await late.subscribeAsync('devices/d1/#', { qos: 1 });
    await late.publishAsync('devices/d1/end', 'once more', { qos: 1 });
    await until(() => kept.includes('devices/d1/end once more'));
    expect([...heard, ...kept].filter((line) => line.includes('dump'))).toEqual([]);
  });

  it('at QoS 2 goes through its whole flow, over a reconnect and with each step repeated', async () => {
    const credential = await house.device('d2');
    const message = large('devices/d2/dump', { qos: 2 });
    const again = Buffer.from(message);
    again[0] = (again[0] ?? 0) | 0x08;
    const first = await open(credential, 'd2');
    first.socket.write(message.subarray(0, 1_500));
    first.socket.destroy();
    const second = await open(credential, 'd2');
    second.socket.write(again);
    await until(() => second.packets.some(({ cmd }) => cmd === 'pubrec'));
    second.socket.destroy();
    const third = await open(credential, 'd2');
    third.socket.write(again);
    await until(() => third.packets.some(({ cmd }) => cmd === 'pubrec'));
    third.socket.write(generate({ cmd: 'pubrel', messageId: 7 }));
    await until(() => third.packets.some(({ cmd }) => cmd === 'pubcomp'));
    third.socket.destroy();
    const fourth = await open(credential, 'd2');
    fourth.socket.write(generate({ cmd: 'pubrel', messageId: 7 }));
    await until(() => fourth.packets.some(({ cmd }) => cmd === 'pubcomp'));
    // The identifier is free for another message, which arrives.
    const reader = await house.connected(credential, 'd2:reader');
    const heard = inbox(reader);
    await reader.subscribeAsync('devices/d2/#');
    fourth.socket.write(large('devices/d2/small', { qos: 2, payload: Buffer.from('small') } as Partial<Packet>));
    await until(() => heard.includes('devices/d2/small small'));
  });

  it.each([
    ['of another device', 'devices/d9/x'],
    ['of the enrollment of another', '$enroll/1/d9/csr'],
    ['that is a filter', 'devices/d3/#'],
    ['that is empty', ''],
    ['that is no UTF-8', Buffer.from('646576696365732f64332fff', 'hex')],
    ['with U+0000', 'devices/d3/\0'],
  ])('on a topic %s is denied like any other', async (_what, topic) => {
    const dropped = house.entrance.dropped.length;
    const denied = house.entrance.denials.length;
    const session = await open(await house.device('d3'), 'd3');
    for (const qos of [0, 1, 2] as const) session.socket.write(publishBytes(topic, qos, Buffer.alloc(3_000), 5 + qos));
    expect((await ping(session)).map(({ cmd }) => cmd)).toEqual(['puback', 'pubrec']);
    session.socket.destroy();
    expect(house.entrance.dropped).toHaveLength(dropped);
    expect(house.entrance.denials).toHaveLength(denied + 3);
  });

  it('below $SYS/ is thrown away without a word, as a bridge may send there', async () => {
    const [dropped, denied] = [house.entrance.dropped.length, house.entrance.denials.length];
    const session = await open(await house.device('d3'), 'd3');
    session.socket.write(publishBytes('$SYS/broker/connection/d3/state', 1, Buffer.alloc(3_000)));
    expect((await ping(session)).map(({ cmd }) => cmd)).toEqual(['puback']);
    session.socket.destroy();
    expect([house.entrance.dropped.length, house.entrance.denials.length]).toEqual([dropped, denied]);
  });

  it('may come together with CONNECT, and is read only once that was accepted', async () => {
    const credential = await house.device('d4');
    const socket = await house.raw(credential);
    const packets = packetsOf(socket);
    socket.write(Buffer.concat([connectPacket('d4'), large('devices/d4/dump'), generate({ cmd: 'pingreq' })]));
    await until(() => packets.length === 3);
    expect(packets.map(({ cmd }) => cmd)).toEqual(['connack', 'puback', 'pingresp']);
    const stranger = await house.raw(await house.authority.issue('stranger'));
    const refused = packetsOf(stranger);
    const dropped = house.entrance.dropped.length;
    stranger.write(Buffer.concat([connectPacket('stranger'), large('devices/stranger/dump')]));
    await until(() => refused.length > 0);
    expect(refused).toMatchObject([{ cmd: 'connack', returnCode: 5 }]);
    expect(house.entrance.dropped).toHaveLength(dropped);
  });

  it('is no silence, however slowly it comes: the keepalive begins anew with each of its parts', async () => {
    const socket = await house.raw(await house.device('d5'));
    const packets = packetsOf(socket);
    socket.write(connectPacket('d5', { keepalive: 1 }));
    await until(() => packets.length === 1);
    const message = large('devices/d5/dump');
    // Twice as long as the keepalive allows.
    const parts = 12;
    const size = Math.ceil(message.length / parts);
    for (let part = 0; part < parts; part += 1) {
      socket.write(message.subarray(part * size, (part + 1) * size));
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    await until(() => packets.some(({ cmd }) => cmd === 'puback'));
  });

  it('over a WebSocket is thrown away too, in one frame or in fragments', async () => {
    const credential = await house.device('d6');
    const socket = new WebSocket(`wss://127.0.0.1:${house.websocketPort}/mqtt`, 'mqtt', {
      ...{ ca: house.authority.ca, cert: credential.cert, key: credential.key, servername: 'localhost' },
    });
    house.onClose(() => socket.terminate());
    let answered = Buffer.alloc(0);
    socket.on('message', (data: Buffer) => {
      answered = Buffer.concat([answered, data]);
    });
    await new Promise((resolve) => socket.once('open', resolve));
    socket.send(connectPacket('d6'));
    await until(() => answered.length === 4);
    const message = publishBytes('devices/d6/dump', 1, Buffer.alloc(300_000), 0x0102);
    socket.send(message);
    socket.send(message.subarray(0, 100_000), { fin: false });
    socket.send(message.subarray(100_000));
    await until(() => answered.length === 12);
    expect(answered.subarray(4).toString('hex')).toBe('4002010240020102');
    expect(house.entrance.dropped.filter(({ id }) => id === 'd6').map(({ bytes }) => bytes)).toEqual([
      message.length,
      message.length,
    ]);
  });
});

describe('a flood of messages above the limit', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open({ packetBytesMax: limit, packetBytesMaxDiscarded: secondLimit, packetsPerSecondMax: 100 });
  });
  afterAll(() => house.close());

  it('is charged by its bytes to its own connection', async () => {
    const credential = await house.device('d1');
    const socket = await house.raw(credential);
    const packets = packetsOf(socket);
    socket.write(connectPacket('d1'));
    await until(() => packets.length === 1);
    // Three packets, and the bytes of 290.
    for (const id of [1, 2, 3]) socket.write(publishBytes('devices/d1/dump', 1, Buffer.alloc(99_000), id));
    await until(() => house.told('connection.slowed').length === 1);
    expect(house.told('connection.slowed')[0]?.fields).toMatchObject({ 'nolapse.principal': 'd1' });
    const other = await house.connected(await house.device('d2'), 'd2');
    await other.publishAsync('devices/d2/x', 'x', { qos: 1 });
    await until(() => packets.filter(({ cmd }) => cmd === 'puback').length === 3);
  });
});
