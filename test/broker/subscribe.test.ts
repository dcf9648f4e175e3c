// Subscribing and receiving: what is granted, what is told to the application, and what never gets through.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { filtersRefusedMax } from '../../src/broker/subscription-hooks.ts';
import { closed, connectPacket, generate, House, inbox, packetsOf, until } from './harness.ts';

const subscribe = (filters: readonly string[], messageId = 1) =>
  generate({ cmd: 'subscribe', messageId, subscriptions: filters.map((topic) => ({ topic, qos: 1 as const })) });

describe('a subscription', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open({ subscriptionsPerClientMax: 3 });
  });
  afterAll(() => house.close());

  it('is answered 128 where it is not covered, beside those that are', async () => {
    const socket = await house.raw(await house.device('d1'));
    const packets = packetsOf(socket);
    const filters = ['devices/d1/#', '#', '+/+/x', 'devices/d2/x', '$enroll/1/d2/#', '$SYS/#', '$share/g/devices/d1/x'];
    socket.write(Buffer.concat([connectPacket('d1'), subscribe(filters)]));
    await until(() => packets.length >= 2);
    expect(packets[1]).toMatchObject({ cmd: 'suback', granted: [1, 128, 128, 128, 128, 128, 128] });
    expect(house.entrance.denials.map(({ topic }) => topic)).toEqual(filters.slice(1));
    socket.destroy();
  });

  it('beyond the limit is answered 128, also within one packet, and unsubscribing makes room', async () => {
    const socket = await house.raw(await house.device('d2'));
    const packets = packetsOf(socket);
    const topics = ['a', 'b', 'c', 'd'].map((name) => `devices/d2/${name}`);
    socket.write(Buffer.concat([connectPacket('d2'), subscribe(topics)]));
    await until(() => packets.length === 2);
    expect(packets[1]).toMatchObject({ granted: [1, 1, 1, 128] });
    expect(house.told('subscription.refused')).toHaveLength(1);
    socket.write(generate({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: topics.slice(0, 1) }));
    await until(() => packets.length === 3);
    socket.write(subscribe(topics.slice(3), 3));
    await until(() => packets.length === 4);
    expect(packets[3]).toMatchObject({ granted: [1] });
    socket.destroy();
  });

  it('with a filter longer than the limit is answered 128, beside those that are not', async () => {
    const refused = house.told('subscription.refused').length;
    const socket = await house.raw(await house.device('d5'));
    const packets = packetsOf(socket);
    const ofBytes = (bytes: number): string => `devices/d5/${'ü'.repeat(600)}`.slice(0, 300) + 'x'.repeat(bytes);
    const longest = 1_024 - Buffer.byteLength(ofBytes(0));
    const filters = [ofBytes(longest), ofBytes(longest + 1), `devices/d5/${'y'.repeat(65_000)}`];
    socket.write(Buffer.concat([connectPacket('d5'), subscribe(filters)]));
    await until(() => packets.length === 2);
    expect(packets[1]).toMatchObject({ granted: [1, 128, 128] });
    expect(house.told('subscription.refused').slice(refused)).toMatchObject([
      { reason: 'filter_bytes' },
      { reason: 'filter_bytes' },
    ]);
    socket.destroy();
  });

  it.each([
    ['denied', (index: number) => `other/${index}`],
    ['beyond the limit', (index: number) => `devices/d4/${index}`],
  ])(
    'is refused so often and no more: at tens of thousands in one packet the session ends (%s)',
    async (_, filterOf) => {
      const [denials, ended, refused] = [
        house.entrance.denials.length,
        house.told('session.ended').length,
        house.told('subscription.refused').length,
      ];
      const socket = await house.raw(await house.device('d4'));
      const gone = closed(socket);
      const packets = packetsOf(socket);
      // Two packets of a thousand cost as much as one.
      const filters = Array.from({ length: 10_000 }, (__, index) => filterOf(index));
      socket.write(
        Buffer.concat([connectPacket('d4'), subscribe(filters.slice(0, 400)), subscribe(filters.slice(400), 2)]),
      );
      await gone;
      expect(packets.slice(0, 2).map(({ cmd }) => cmd)).toEqual(['connack', 'suback']);
      expect(house.told('session.ended').slice(ended)).toMatchObject([{ reason: 'subscriptions_refused' }]);
      const told = house.entrance.denials.length - denials + house.told('subscription.refused').length - refused;
      expect(told).toBe(filtersRefusedMax);
      // Up to that many, a client of a wrong configuration is answered.
      const other = await house.raw(await house.device('d4'));
      const answers = packetsOf(other);
      other.write(Buffer.concat([connectPacket('d4'), subscribe(filters.slice(0, filtersRefusedMax))]));
      await until(() => answers.length === 2);
      other.destroy();
    },
  );

  it('that was denied yields nothing at the next connect, though aedes stored it', async () => {
    const device = await house.device('d3');
    const first = await house.raw(device);
    const packets = packetsOf(first);
    first.write(Buffer.concat([connectPacket('d3', { clean: false }), subscribe(['devices/d3/in', 'devices/d9/in'])]));
    await until(() => packets.length === 2);
    // The in-memory store asks nobody; a persistence that asks `mayStore` keeps the first one only.
    expect(await house.persistence.subscriptionsByClient({ id: 'd3' })).toHaveLength(2);
    expect(house.broker.mayStore('d3', 'devices/d3/in')).toBe(true);
    expect(house.broker.mayStore('d3', 'devices/d9/in')).toBe(false);
    first.destroy();
    await until(() => house.broker.sessionCount === 0);

    const service = await house.connected(await house.service('s', { publish: ['#'], subscribe: [] }), 's');
    await service.publishAsync('devices/d9/in', 'secret', { qos: 1 });
    await service.publishAsync('devices/d3/in', 'mine', { qos: 1 });
    const back = house.client(device, 'd3', { clean: false });
    const heard = inbox(back);
    await until(() => heard.length > 0);
    await service.publishAsync('devices/d9/in', 'secret', { qos: 1 });
    await service.publishAsync('devices/d3/in', 'again', { qos: 1 });
    await until(() => heard.length > 1);
    expect(heard).toEqual(['devices/d3/in mine', 'devices/d3/in again']);
    await Promise.all([back.endAsync(), service.endAsync()]);
  });

  it('to enrollment topics is told to the application after SUBACK, and again when a session brings it back', async () => {
    const device = await house.device('d4');
    const told = () => house.entrance.listeners.filter(({ principal }) => principal.id === 'd4').length;
    const client = await house.connected(device, 'd4', { clean: false });
    await client.subscribeAsync('devices/d4/in', { qos: 1 });
    expect(told()).toBe(0);
    await client.subscribeAsync('$enroll/1/d4/+', { qos: 1 });
    await until(() => told() === 1);
    await client.endAsync();
    const again = await house.connected(device, 'd4', { clean: false });
    await until(() => told() === 2);
    await again.endAsync();
  });
});

describe('sending to a principal', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open({ sendMs: 500 });
  });
  afterAll(() => house.close());
  const send = (id: string, payload = 'x') =>
    house.broker.sessions.send(id as never, `$enroll/1/${id}/offer`, Buffer.from(payload));

  it('reaches its sessions that listen and counts them', async () => {
    const device = await house.device('d1');
    expect(await send('d1')).toBe(0);
    const [one, two] = [await house.connected(device, 'd1'), await house.connected(device, 'd1:2', { clean: false })];
    await house.connected(device, 'd1:deaf');
    expect(await send('d1')).toBe(0);
    const heard = [inbox(one), inbox(two)];
    const qos: number[] = [];
    for (const client of [one, two])
      client.on('packetreceive', (packet) => packet.cmd === 'publish' && qos.push(packet.qos));
    await one.subscribeAsync('$enroll/1/d1/offer', { qos: 0 });
    await two.subscribeAsync('$enroll/1/d1/#', { qos: 1 });
    expect(await send('d1', 'offer')).toBe(2);
    await until(() => heard.every((lines) => lines.length === 1));
    expect(heard[0]).toEqual(['$enroll/1/d1/offer offer']);
    expect(qos.sort()).toEqual([0, 1]);
  });

  it('does not count a session that stopped reading, and is not held by it', async () => {
    const socket = await house.raw(await house.device('d2'));
    const packets = packetsOf(socket);
    socket.write(Buffer.concat([connectPacket('d2'), subscribe(['$enroll/1/d2/#'])]));
    await until(() => packets.length === 2);
    socket.pause();
    const sent = await Promise.all(Array.from({ length: 40 }, () => send('d2', 'x'.repeat(400 * 1024))));
    expect(sent.at(-1)).toBe(0);
    socket.destroy();
  });
});
