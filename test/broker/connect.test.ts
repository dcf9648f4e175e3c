// CONNECT: what is asked of the application, what the client is told, and what is left when it is over.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closed, connectPacket, generate, House, inbox, packetsOf, until } from './harness.ts';
import { createTestAuthority } from './test-pki.ts';

describe('a connect', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open();
  });
  afterAll(() => house.close());

  it('hands the application the DER as presented, the client id and the address', async () => {
    const credential = await house.device('d1');
    await house.connected(credential, 'd1:a');
    const facts = house.entrance.admitted.at(-1);
    expect(Buffer.from(facts?.presented.der ?? []).equals(credential.der)).toBe(true);
    expect(facts?.clientId).toBe('d1:a');
    expect(facts?.remoteAddress).toBe('127.0.0.1');
    expect(house.broker.sessionCount).toBe(1);
  });

  it('answers 5 without a certificate, with one of another CA and with one nobody knows', async () => {
    const foreign = await (await createTestAuthority('Another CA')).issue('d1');
    expect(await house.refusal(null, 'd1')).toBe(5);
    expect(house.entrance.admitted.at(-1)?.presented.der).toBeNull();
    expect(await house.refusal(foreign, 'd1')).toBe(5);
    expect(await house.refusal(await house.authority.issue('d1'), 'd1')).toBe(5);
  });

  it('hands over the issuers of a stranger only when asked', async () => {
    let count = -1;
    house.entrance.before = async () => {
      count = house.entrance.admitted.at(-1)?.presented.issuers().length ?? -1;
    };
    await house.refusal(await house.authority.issue('stranger'), 'stranger');
    house.entrance.before = async () => undefined;
    expect(count).toBe(1);
  });

  it('answers 2 when the client id is not the principal’s', async () => {
    const credential = await house.device('d2');
    expect(await house.refusal(credential, 'd3')).toBe(2);
  });

  it.each([
    ['with a session to be kept [MQTT-3.1.3-8]', '10 0c 0004 4d515454 04 00 003c 0000'],
    ['of MQTT 3.1', '10 0e 0006 4d5149736470 03 02 003c 0000'],
  ])('answers 2 to an empty client id %s', async (_what, connect) => {
    const credential = await house.device('d2');
    const socket = await house.raw(credential);
    const packets = packetsOf(socket);
    socket.write(Buffer.from(connect.replaceAll(' ', ''), 'hex'));
    await closed(socket);
    expect(packets).toMatchObject([{ cmd: 'connack', returnCode: 2 }]);
  });

  it('keeps two principals apart whose client ids are the same, in the lane', async () => {
    const lane = { lane: 'renew-only' } as const;
    const [one, other] = [await house.device('l', lane), await house.device('l:q', lane)];
    const [first, second] = [await house.connected(one, 'l:q'), await house.connected(other, 'l:q')];
    expect(house.broker.isConnected('lane:l:q') && house.broker.isConnected('lane:l%3Aq')).toBe(true);
    await first.subscribeAsync('$enroll/1/l/#');
    expect(first.connected && second.connected).toBe(true);
    await Promise.all([first.endAsync(), second.endAsync()]);
  });

  it('keeps two principals apart whose client ids are the same', async () => {
    const [one, other] = [await house.device('p'), await house.device('p:q')];
    const first = await house.connected(one, 'p:q', { clean: false });
    await first.subscribeAsync('devices/p/#', { qos: 1 });
    const second = await house.connected(other, 'p:q', { clean: false });
    expect(await house.persistence.subscriptionsByClient({ id: 'p%3Aq' })).toEqual([]);
    // The first is still there, and still listens.
    const heard = inbox(first);
    await first.publishAsync('devices/p/x', 'x', { qos: 1 });
    await until(() => heard.length > 0);
    expect(first.connected && second.connected).toBe(true);
    await Promise.all([first.endAsync(), second.endAsync()]);
  });

  it('assigns a client id to each client without one that wants a clean session [MQTT-3.1.3-6]', async () => {
    const credential = await house.device('d2:x@y');
    const clients = [];
    for (let count = 0; count < 2; count += 1) {
      const socket = await house.raw(credential);
      const packets = packetsOf(socket);
      socket.write(connectPacket('', { clean: true, protocolVersion: 4 }));
      await until(() => packets.length > 0);
      expect(packets).toMatchObject([{ cmd: 'connack', returnCode: 0, sessionPresent: false }]);
      clients.push(socket);
    }
    const assigned = house.entrance.present.filter((clientId) => clientId.startsWith('d2:x@y:~'));
    expect(new Set(assigned).size).toBe(2);
    expect(house.broker.isConnected(assigned[0]?.replace('d2:x@y', 'd2%3Ax%40y') ?? '')).toBe(true);
    for (const socket of clients) socket.destroy();
    await until(() => !house.entrance.present.some((clientId) => clientId.startsWith('d2:x@y')));
  });

  it.each([
    ['too long', `d4:${'x'.repeat(10_000)}`],
    ['with a line feed', 'd4:\n'],
    ['with NUL', 'd4:\0'],
  ])('answers 2 to a client id %s without asking the application', async (_what, clientId) => {
    const credential = await house.device('d4');
    const asked = house.entrance.admitted.length;
    expect(await house.refusal(credential, clientId)).toBe(2);
    expect(house.entrance.admitted.length).toBe(asked);
  });

  it.each(['__proto__', 'constructor', 'hasOwnProperty', '+', '#', '../x'])(
    'is unharmed by the client id %s',
    async (clientId) => {
      const credential = await house.device('d5');
      expect(await house.refusal(credential, clientId)).toBe(2);
      house.entrance.know(credential, clientId);
      const client = await house.connected(credential, clientId);
      await client.endAsync();
    },
  );

  it('answers 3 when the application fails', async () => {
    const credential = await house.device('d6');
    house.entrance.before = async () => {
      throw new Error('disk full');
    };
    expect(await house.refusal(credential, 'd6')).toBe(3);
    house.entrance.before = async () => undefined;
    expect(house.told('admission.failed')).toHaveLength(1);
  });

  it('admits MQTT 3.1 with ids longer than 23 characters', async () => {
    const id = 'd7.with-an-identifier-beyond-23-characters';
    const client = await house.connected(await house.device(id), id, { protocolVersion: 3, protocolId: 'MQIsdp' });
    await client.endAsync();
  });

  it('destroys the connection of a refused peer that stays', async () => {
    const socket = await house.raw(await house.authority.issue('d9'));
    const packets = packetsOf(socket);
    socket.write(connectPacket('d9'));
    await closed(socket);
    expect(packets).toMatchObject([{ cmd: 'connack', returnCode: 5 }]);
  });

  it('grants a keepalive within its own limit to a client that asks for none', async () => {
    const short = await House.open({ keepaliveSecondsMax: 1 });
    const socket = await short.raw(await short.device('d10'));
    packetsOf(socket);
    const started = performance.now();
    socket.write(connectPacket('d10', { keepalive: 0 }));
    await closed(socket);
    expect(performance.now() - started).toBeGreaterThan(1_400);
    await short.close();
  });

  it('displaces the session with the same client id, also when the first one ends late', async () => {
    const credential = await house.device('d11');
    const first = await house.connected(credential, 'd11');
    const second = await house.connected(credential, 'd11');
    await until(() => !first.connected);
    const third = await house.connected(credential, 'd11');
    await until(() => !second.connected);
    expect(third.connected).toBe(true);
    await third.endAsync();
  });

  it('leaves nothing of a client that went while it was being admitted', async () => {
    const credential = await house.device('d12');
    const open = house.broker.sessionCount;
    let resume = (): void => undefined;
    house.entrance.before = () => new Promise((resolve) => (resume = resolve));
    const asked = house.entrance.admitted.length;
    const socket = await house.raw(credential);
    socket.write(connectPacket('d12'));
    await until(() => house.entrance.admitted.length > asked);
    const gone = closed(socket);
    socket.destroy();
    await gone;
    resume();
    house.entrance.before = async () => undefined;
    const client = await house.connected(credential, 'd12');
    expect(house.broker.sessionCount).toBe(open + 1);
    await client.endAsync();
    await until(() => house.broker.sessionCount === open);
  });

  it('reads nothing more until the verdict is in', async () => {
    const credential = await house.device('d13');
    house.entrance.know(credential, 'd13');
    let resume = (): void => undefined;
    house.entrance.before = () => new Promise((resolve) => (resume = resolve));
    const asked = house.entrance.admitted.length;
    const socket = await house.raw(credential);
    const packets = packetsOf(socket);
    socket.write(connectPacket('d13'));
    await until(() => house.entrance.admitted.length > asked);
    socket.write(generate({ cmd: 'pingreq' }));
    resume();
    house.entrance.before = async () => undefined;
    await until(() => packets.length === 2);
    expect(packets.map(({ cmd }) => cmd)).toEqual(['connack', 'pingresp']);
    socket.destroy();
  });
});

describe('the renew-only lane', () => {
  it('goes by its own client id, clean and without a will, and leaves the real session’s queue alone', async () => {
    const house = await House.open();
    const service = await house.service('backend', { publish: ['devices/#'], subscribe: ['devices/#'] });
    const credential = await house.device('d1');
    const real = await house.connected(credential, 'd1', { clean: false });
    await real.subscribeAsync('devices/d1/in', { qos: 1 });
    await real.endAsync();
    await until(() => house.broker.sessionCount === 0);
    const backend = await house.connected(service, 'backend');
    const heard: string[] = [];
    backend.on('message', (topic) => heard.push(topic));
    await backend.subscribeAsync('devices/#');
    await backend.publishAsync('devices/d1/in', 'queued', { qos: 1 });

    house.entrance.know(credential, 'd1', { lane: 'renew-only' });
    const lane = await house.connected(credential, 'd1', {
      clean: false,
      will: { topic: 'devices/d1/gone', payload: Buffer.from('x'), qos: 0, retain: false },
    });
    // Not even kept: after a restart it would be published, and nobody would judge it.
    expect(await house.persistence.getWill({ id: 'lane:d1' })).toBeFalsy();
    expect(house.broker.mayStore('lane:d1', 'devices/d1/in')).toBe(false);
    await expect(lane.subscribeAsync('devices/d1/in', { qos: 1 })).rejects.toThrow();
    await lane.subscribeAsync('$enroll/1/d1/#', { qos: 1 });
    expect(house.broker.mayStore('lane:d1', '$enroll/1/d1/#')).toBe(true);
    lane.stream.destroy();
    await until(() => house.broker.sessionCount === 1);

    house.entrance.know(credential, 'd1');
    const back = house.client(credential, 'd1', { clean: false });
    const queued = inbox(back);
    await until(() => queued.length > 0);
    expect(queued).toEqual(['devices/d1/in queued']);
    expect(heard).toEqual(['devices/d1/in']);
    await house.close();
  });
});
