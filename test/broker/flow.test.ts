// Flow: one client's slowness, or one client id in two hands, is nobody else's trouble.
import { Duplex } from 'node:stream';
import { Aedes } from 'aedes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../src/app/session.ts';
import { type BrokerClient, brokerClient, type DrainCallback, internalsOf } from '../../src/broker/aedes-internals.ts';
import { watchRegistrations } from '../../src/broker/client-registrations.ts';
import { LoopTurns } from '../../src/broker/loop-turns.ts';
import { SessionRegistry } from '../../src/broker/session-registry.ts';
import { StallBound } from '../../src/broker/stall-bound.ts';
import { connectPacket, FakeEntrance, generate, House, inbox, packetsOf, until } from './harness.ts';

const subscribe = generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'devices/#', qos: 0 }] });

/** A client that subscribes to everything and then reads nothing more. */
async function stuckReader(house: House, id: string) {
  const socket = await house.raw(await house.service(id, { publish: [], subscribe: ['devices/#'] }));
  const packets = packetsOf(socket);
  socket.write(Buffer.concat([connectPacket(id), subscribe]));
  await until(() => packets.length === 2);
  socket.pause();
  return socket;
}

describe('a reader that stopped reading', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open({ drainMs: 60_000, stallMs: 50, outboundBytesMax: 64 * 1024 * 1024 });
  });
  afterAll(() => house.close());

  it('holds up neither publishers nor other readers', async () => {
    const stuck = await stuckReader(house, 'stuck');
    const reader = await house.connected(await house.service('r', { publish: [], subscribe: ['devices/#'] }), 'r');
    const heard = inbox(reader);
    await reader.subscribeAsync('devices/#');
    const credential = await house.device('d1');
    const publisher = await house.connected(credential, 'd1');
    // Fill what the kernel and the stuck reader's stream take.
    for (let i = 0; i < 60; i += 1) publisher.publish('devices/d1/fill', Buffer.alloc(200 * 1024));
    await until(() => heard.length >= 60);
    for (let i = 0; i < 10; i += 1) await publisher.publishAsync(`devices/d1/${i}`, 'x', { qos: 1 });
    await until(() => heard.length >= 70);
    // The stuck reader is still there, so nobody waited for its end.
    expect(house.broker.sessionCount).toBe(3);
    stuck.destroy();
  });

  it('is ended after the time it has to read on, and nobody else is', async () => {
    const brief = await House.open({ drainMs: 200, stallMs: 50, outboundBytesMax: 64 * 1024 * 1024 });
    const stuck = await stuckReader(brief, 'stuck');
    const publisher = await brief.connected(await brief.device('d1'), 'd1');
    for (let i = 0; i < 60; i += 1) publisher.publish('devices/d1/fill', Buffer.alloc(200 * 1024));
    await until(() => brief.told('connection.failed').some(({ message }) => message === 'drain timeout'));
    await until(() => brief.broker.sessionCount === 1);
    expect(publisher.connected).toBe(true);
    stuck.destroy();
    await brief.close();
  });

  it('makes the broker hold no more than its share', async () => {
    const bounded = await House.open({ drainMs: 20_000, stallMs: 10, outboundBytesMax: 256 * 1024 });
    await stuckReader(bounded, 'stuck');
    const publisher = await bounded.connected(await bounded.device('d1'), 'd1');
    for (let i = 0; i < 50; i += 1) await publisher.publishAsync('devices/d1/x', Buffer.alloc(200 * 1024));
    await publisher.publishAsync('devices/d1/x', 'x', { qos: 1 });
    // At QoS 0 a message can be left out; it stays until one comes that cannot.
    expect(bounded.broker.sessionCount).toBe(2);
    const id = 'stuck2';
    const socket = await bounded.raw(await bounded.service(id, { publish: [], subscribe: ['devices/#'] }));
    const packets = packetsOf(socket);
    const atQos1 = generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'devices/#', qos: 1 }] });
    socket.write(Buffer.concat([connectPacket(id), atQos1]));
    await until(() => packets.length === 2);
    socket.pause();
    for (let i = 0; i < 50; i += 1) await publisher.publishAsync('devices/d1/x', Buffer.alloc(200 * 1024), { qos: 1 });
    await until(() => bounded.told('session.ended').some(({ reason }) => reason === 'slow_reader'));
    await bounded.close();
  });
});

describe('the stall bound', () => {
  it('calls back once: when the socket drained, or at the bound', async () => {
    const drains: DrainCallback[] = [];
    const client = { waitForDrain: (callback: DrainCallback) => void drains.push(callback) } as unknown as BrokerClient;
    const stalls = new StallBound(20);
    stalls.apply(client);
    const calls: string[] = [];
    for (const name of ['prompt', 'slow']) client.waitForDrain(() => void calls.push(name));
    drains[0]?.(null, client);
    expect(calls).toEqual(['prompt']);
    await until(() => calls.length === 2);
    for (const drained of drains) drained(null, client);
    expect(calls).toEqual(['prompt', 'slow']);
    stalls.stop();
  });
});

describe('aedes’s list of clients', () => {
  const clock = { now: () => Date.now() };
  const journal = { tell: () => undefined };
  const fake = (id: string, closedAlready = false) => {
    const client = { id, closed: closedAlready, conn: { destroy: () => undefined }, close: () => undefined };
    return client as unknown as BrokerClient;
  };
  const session = {
    principal: { id: 'd1' },
    access: { publish: [], subscribe: [], receive: [], delegated: { publish: [], receive: [] } },
    endsAt: Number.POSITIVE_INFINITY,
    fingerprint: 'f',
    clientId: 'd1',
  } as unknown as Session;

  it('has the members this folder relies on', async () => {
    const aedes = await Aedes.createBroker();
    expect(internalsOf(aedes)).toMatchObject({ clients: {}, connectedClients: 0 });
    const client = brokerClient(aedes.handle(new Duplex({ read: () => undefined, write: (_c, _e, done) => done() })));
    expect(client).toMatchObject({
      subscriptions: {},
      duplicates: {},
      _nextId: expect.any(Number),
      deliver0: expect.any(Function),
      deliverQoS: expect.any(Function),
      pause: expect.any(Function),
      waitForDrain: expect.any(Function),
    });
    client.close();
    aedes.close();
  });

  it('keeps the newest of two with one id when the older one ends late, and forgets one that never connected', () => {
    const aedes = new Aedes();
    const internals = internalsOf(aedes);
    const registry = new SessionRegistry(clock, journal, new FakeEntrance(), 10, new LoopTurns());
    watchRegistrations(aedes, registry);
    const [older, newer] = [fake('d1'), fake('d1')];
    internals.connectedClients = 0;
    for (const client of [older, newer]) {
      registry.admit(registry.begin(), client, {} as never, session, 'd1');
      internals.clients['d1'] = client;
      internals.connectedClients += 1;
      aedes.emit('client', client);
    }
    delete internals.clients['d1'];
    internals.connectedClients -= 1;
    aedes.emit('clientDisconnect', older);
    expect(internals.clients['d1']).toBe(newer);
    expect(internals.connectedClients).toBe(2);

    const phantom = fake('d2', true);
    internals.clients['d2'] = phantom;
    internals.connectedClients += 1;
    aedes.emit('client', phantom);
    expect('d2' in internals.clients).toBe(false);
  });
});
