// Connects for clean sessions that are carried out in aedes's place: held against what aedes does with the same packets.
import { Duplex } from 'node:stream';
import { Aedes } from 'aedes';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { brokerClient, internalsOf } from '../../src/broker/aedes-internals.ts';
import { AedesPersistence } from '../../src/broker/aedes-persistence.ts';
import { connectDirectly } from '../../src/broker/direct-connect.ts';
import type { MqttPersistence } from '../../src/ports/mqtt-persistence.ts';
import { connectPacket, generate, House, memoryPersistence, packetsOf, until } from './harness.ts';

/** What is asked of the persistence at a connect, beside the stream of what a session is owed. */
const asked = ['cleanSubscriptions', 'delWill', 'putWill', 'cleanIncoming'] as const;

class Connection extends Duplex {
  readonly written: number[] = [];

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.written.push(...bytes);
    done();
  }
}

type Way = 'aedes' | 'directly';

async function brokerOf(way: Way) {
  const kept: MqttPersistence = memoryPersistence();
  const calls: string[] = [];
  for (const name of asked) {
    const call = (kept[name] as (...args: never[]) => Promise<unknown>).bind(kept);
    Object.assign(kept, {
      [name]: (...args: never[]) => {
        calls.push(name);
        return call(...args);
      },
    });
  }
  const aedes: Aedes = new Aedes({
    id: 'id',
    persistence: new AedesPersistence(kept),
    preConnect: (client, packet, callback) => {
      if (way === 'aedes') return callback(null, true);
      connectDirectly(aedes, kept, brokerClient(client), packet).then(
        (isConnected) => isConnected && callback(null, false),
        (error: Error) => callback(error, false),
      );
    },
  });
  await aedes.listen();
  const published: string[] = [];
  aedes.on('publish', ({ topic }) => published.push(topic));
  return { aedes, kept, calls, published };
}

type Broker = Awaited<ReturnType<typeof brokerOf>>;

/** Sends a CONNECT. @returns when it was accepted, its connection or its broker has ended. */
async function come({ aedes }: Broker, packet: Buffer) {
  const stream = new Connection();
  const client = brokerClient(aedes.handle(stream as never));
  client.on('error', () => undefined);
  const ready = new Promise((resolve) => aedes.once('clientReady', resolve));
  const ended = new Promise((resolve) => stream.once('close', resolve));
  stream.push(packet);
  await Promise.race([ready, ended]);
  return { client, stream };
}

/** What the CONNECT has made of the client and of the broker. */
async function outcomeOf(way: Way, packets: readonly Buffer[]) {
  const broker = await brokerOf(way);
  const clients = [];
  for (const packet of packets) {
    const { client, stream } = await come(broker, packet);
    clients.push({ client, stream });
  }
  await new Promise((resolve) => setImmediate(resolve));
  const { clients: registered, connectedClients } = internalsOf(broker.aedes);
  const outcome = {
    clients: clients.map(({ client, stream }) => {
      const { id, clean, version, will, connecting, connected, connackSent, closed } = client;
      const { _will, _authorized, _keepaliveInterval, _paused, _parser } = client;
      const queue = (_parser as unknown as { readonly _queue: unknown })._queue;
      const hasTimer = client._keepaliveTimer !== null;
      const state = { id, clean, version, will, connecting, connected, connackSent, closed };
      const inside = { _will, _authorized, _keepaliveInterval, _paused, queue, hasTimer };
      return { ...state, ...inside, written: stream.written, isRegistered: registered[id] === client };
    }),
    connectedClients,
    calls: broker.calls,
    published: broker.published.filter((topic) => topic.startsWith('$SYS/id/')),
  };
  await new Promise<void>((resolve) => broker.aedes.close(resolve));
  return JSON.parse(JSON.stringify(outcome)) as unknown;
}

const will = { topic: 'a/will', payload: Buffer.from('gone'), qos: 1 as const, retain: false };

describe('a connect for a clean session', () => {
  it.each<[string, Buffer[]]>([
    ['a CONNECT', [connectPacket('d1')]],
    ['one of MQTT 3.1', [connectPacket('d1', { protocolId: 'MQIsdp', protocolVersion: 3 })]],
    ['one with a will', [connectPacket('d1', { will })]],
    ['one without keepalive', [connectPacket('d1', { keepalive: 0 })]],
    ['two with one client id', [connectPacket('d1'), connectPacket('d1')]],
    ['one and one with another', [connectPacket('d1', { will }), connectPacket('d2')]],
  ])('makes of %s what aedes makes of it', async (_what, packets) => {
    expect(await outcomeOf('directly', packets)).toEqual(await outcomeOf('aedes', packets));
  });

  it('ends the client where its will cannot be kept', async () => {
    const broker = await brokerOf('directly');
    Object.assign(broker.kept, { putWill: async () => Promise.reject(new Error('disk full')) });
    const { client, stream } = await come(broker, connectPacket('d1', { will }));
    expect({ closed: client.closed, written: stream.written }).toEqual({ closed: true, written: [] });
    expect(internalsOf(broker.aedes).clients.d1).toBeUndefined();
    broker.aedes.close();
  });

  it.each(asked.filter((name) => name !== 'putWill'))('goes no further when it closes during %s', async (name) => {
    const broker = await brokerOf('directly');
    const { [name]: call } = broker.kept;
    const stream = new Connection();
    const client = brokerClient(broker.aedes.handle(stream as never));
    Object.assign(broker.kept, {
      [name]: async (...args: never[]) => {
        client.close();
        await (call as (...args: never[]) => Promise<unknown>)(...args);
      },
    });
    const ready = vi.fn();
    broker.aedes.on('clientReady', ready);
    stream.push(connectPacket('d1'));
    await until(() => stream.destroyed);
    await new Promise((resolve) => setImmediate(resolve));
    expect(ready).not.toHaveBeenCalled();
    expect(stream.written).toEqual([]);
    expect(internalsOf(broker.aedes).clients.d1).toBeUndefined();
    broker.aedes.close();
  });
});

describe('a broker', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open();
  });
  afterAll(() => house.close());
  afterEach(() => void vi.restoreAllMocks());

  /** How many streams of queues aedes asked for. */
  async function streamsFor(id: string, clean: boolean): Promise<number> {
    const streams = vi.spyOn(AedesPersistence.prototype, 'outgoingStream');
    const socket = await house.raw(await house.device(id));
    const packets = packetsOf(socket);
    socket.write(connectPacket(id, { clean }));
    await until(() => packets.length === 1);
    expect(packets[0]).toMatchObject({ cmd: 'connack', returnCode: 0, sessionPresent: false });
    await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
    await until(() => house.broker.sessionCount === 0);
    return streams.mock.calls.length;
  }

  it('has aedes stream no queue of a clean session', async () => {
    expect(await streamsFor('clean', true)).toBe(0);
  });

  it('leaves a session that is kept to aedes', async () => {
    expect(await streamsFor('kept', false)).toBe(1);
  });

  it('takes what a client sends right behind its CONNECT', async () => {
    const socket = await house.raw(await house.device('eager'));
    const packets = packetsOf(socket);
    const subscribe = generate({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [{ topic: 'devices/eager/#', qos: 0 }],
    });
    const publish = generate({
      cmd: 'publish',
      topic: 'devices/eager/x',
      payload: 'y',
      qos: 0,
      dup: false,
      retain: false,
    });
    socket.write(Buffer.concat([connectPacket('eager'), subscribe, publish]));
    await until(() => packets.length === 3);
    expect(packets.map(({ cmd }) => cmd)).toEqual(['connack', 'suback', 'publish']);
    socket.destroy();
  });
});
