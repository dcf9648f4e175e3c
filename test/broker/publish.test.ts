// Publishing: what goes to the application, what goes nowhere, what is acknowledged when, and what is kept of a will.
import type { MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sinkTopic } from '../../src/broker/set-aside.ts';
import { closed, connectPacket, generate, House, inbox, packetsOf, until, withResolvers } from './harness.ts';

const everything = { publish: ['#', 'devices/#'], subscribe: ['#', '$SYS/#', '$enroll/#'] };

describe('a publish', () => {
  let house: House;
  let device: MqttClient;
  let service: MqttClient;
  let heard: string[];
  beforeAll(async () => {
    house = await House.open();
    service = await house.connected(await house.service('backend', everything), 'backend', { clean: false });
    heard = inbox(service);
    await service.subscribeAsync(['#', '$enroll/#', '$SYS/+/new/#'], { qos: 1 });
    device = await house.connected(await house.device('d1'), 'd1');
  });
  afterAll(() => house.close());

  const application = () => heard.filter((line) => !line.startsWith('$SYS/'));

  it.each([0, 1, 2] as const)('on an allowed topic reaches subscribers, at QoS %i', async (qos) => {
    await device.publishAsync(`devices/d1/q${qos}`, 'hello', { qos });
    await until(() => application().includes(`devices/d1/q${qos} hello`));
  });

  it.each([0, 1, 2] as const)(
    'on an enrollment topic goes to the application and to nobody else, at QoS %i',
    async (qos) => {
      const before = house.entrance.received.length;
      await device.publishAsync('$enroll/1/d1/hello', `{"slots":${qos}}`, { qos, retain: true });
      await until(() => house.entrance.received.length > before);
      expect(house.entrance.received.at(-1)).toMatchObject({
        topic: '$enroll/1/d1/hello',
        payload: `{"slots":${qos}}`,
      });
      await device.publishAsync('devices/d1/fence', String(qos), { qos: 1 });
      await until(() => application().includes(`devices/d1/fence ${qos}`));
      expect(heard.some((line) => line.includes('slots') || line.startsWith(sinkTopic))).toBe(false);
    },
  );

  it('on a topic that is no UTF-8, or holds U+0000, is acknowledged and goes nowhere', async () => {
    const from = house.entrance.denials.length;
    // Overlong, a lone surrogate, a byte that never occurs, a sequence cut short. U+FFFD itself is a character like others.
    for (const bytes of ['c080', 'eda080', 'ff', 'e282', '00', 'f4908080', 'efbfbd']) {
      const raw = await house.raw(await house.device('d1'));
      raw.write(connectPacket('d1:raw'));
      const good = generate({
        cmd: 'publish',
        topic: 'devices/d1/zzz',
        payload: bytes,
        qos: 1,
        messageId: 7,
        dup: false,
        retain: true,
      });
      const tail = Buffer.alloc(3, 'z');
      Buffer.from(bytes, 'hex').copy(tail);
      tail.copy(good, good.indexOf('zzz'));
      const packets = packetsOf(raw);
      raw.write(good);
      await until(() => packets.some(({ cmd }) => cmd === 'puback'));
      raw.destroy();
    }
    expect(house.entrance.denials.length - from).toBe(6);
    await device.publishAsync('devices/d1/fence', 'utf8', { qos: 1 });
    await until(() => application().includes('devices/d1/fence utf8'));
    expect(application().filter((line) => /\ufffd|\0/.test(line))).toEqual(['devices/d1/\ufffd efbfbd']);
  });

  it('is acknowledged after the application has taken it', async () => {
    const { promise, resolve } = withResolvers();
    house.entrance.onReceive = () => promise;
    let acknowledged = false;
    const published = device.publishAsync('$enroll/1/d1/csr', 'x', { qos: 1 }).then(() => {
      acknowledged = true;
    });
    await service.publishAsync('devices/d1/other', 'round trip', { qos: 1 });
    expect(acknowledged).toBe(false);
    resolve();
    await published;
    house.entrance.onReceive = async () => undefined;
  });

  it('is not acknowledged when the application fails: the connection ends', async () => {
    const other = await house.connected(await house.device('d2'), 'd2');
    house.entrance.onReceive = async () => {
      throw new Error('disk full');
    };
    let acknowledged = false;
    other.publish('$enroll/1/d2/csr', 'x', { qos: 1 }, (error) => {
      acknowledged = !error;
    });
    await closed(other);
    house.entrance.onReceive = async () => undefined;
    expect(acknowledged).toBe(false);
  });

  it.each([
    ['another device', 'devices/d9/x'],
    ['the enrollment of another', '$enroll/1/d9/hello'],
    ['a word the broker speaks', '$enroll/1/d1/cert'],
    ['the sink itself in disguise', '$nolapse/received'],
  ])('on a topic of %s is acknowledged, told and goes nowhere', async (_what, topic) => {
    const [received, denied] = [house.entrance.received.length, house.entrance.denials.length];
    for (const qos of [0, 1, 2] as const) await device.publishAsync(topic, 'forbidden', { qos, retain: true });
    await device.publishAsync('devices/d1/fence', topic, { qos: 1 });
    await until(() => application().includes(`devices/d1/fence ${topic}`));
    expect(device.connected).toBe(true);
    expect(house.entrance.received.length).toBe(received);
    expect(house.entrance.denials.slice(denied)).toEqual(Array(3).fill({ action: 'publish', topic }));
    expect(heard.some((line) => line.includes('forbidden'))).toBe(false);
    const late = await house.connected(await house.service('late', everything), 'late');
    const kept = inbox(late);
    await late.subscribeAsync(['#', '$enroll/#']);
    await late.publishAsync('end', 'of retained', { qos: 1 });
    await until(() => kept.includes('end of retained'));
    expect(kept.some((line) => line.includes('forbidden'))).toBe(false);
    await late.endAsync();
  });

  it('below $SYS/ is dropped without a word and cannot end another session', async () => {
    const denied = house.entrance.denials.length;
    const serverId = heard.map((line) => /^\$SYS\/([^/]+)\/new\//.exec(line)?.[1]).find((id) => id) ?? 'x';
    await device.publishAsync('$SYS/broker/connection/d1/state', '1', { qos: 1, retain: true });
    await device.publishAsync('$SYS/another-server/new/clients', 'backend', { qos: 1 });
    await device.publishAsync(`$SYS/${serverId}/new/clients`, 'backend', { qos: 2 });
    await device.publishAsync('devices/d1/fence', 'sys', { qos: 1 });
    await until(() => application().includes('devices/d1/fence sys'));
    expect(service.connected && device.connected).toBe(true);
    expect(house.entrance.denials.length).toBe(denied);
    expect(heard.some((line) => line.startsWith('$SYS/broker'))).toBe(false);
  });

  it('leaves nothing of the sink in the queue of a persistent session', async () => {
    await service.endAsync();
    const enqueue = house.persistence.outgoingEnqueueCombi;
    const queued: string[] = [];
    house.persistence.outgoingEnqueueCombi = (subscriptions, packet) => {
      if (subscriptions.length > 0) queued.push(packet.topic);
      return enqueue.call(house.persistence, subscriptions, packet);
    };
    await device.publishAsync('$enroll/1/d1/hello', 'x', { qos: 2 });
    await device.publishAsync('devices/d1/queued', 'yes', { qos: 1 });
    await until(() => queued.length > 0);
    house.persistence.outgoingEnqueueCombi = enqueue;
    expect(queued).toEqual(['devices/d1/queued']);
    heard.length = 0;
    service = await house.connected(await house.service('backend', everything), 'backend', { clean: false });
    heard = inbox(service);
    await until(() => application().length > 0);
    expect(heard.filter((line) => !/^\$SYS\/[^/]+\/(new|disconnect|heartbeat)/.test(line))).toEqual([
      'devices/d1/queued yes',
    ]);
  });
});

describe('an acknowledgement', () => {
  let house: House;
  beforeAll(async () => {
    house = await House.open();
  });
  afterAll(() => house.close());

  it.each([1, 2] as const)('at QoS %i follows persistence', async (qos) => {
    const client = await house.connected(await house.device(`d${qos}`), `d${qos}`);
    const stored: string[] = [];
    const { promise, resolve } = withResolvers();
    const { storeAhead, incomingStorePacket } = house.persistence;
    const store = async ({ topic }: { topic: string }) => {
      stored.push(topic);
      await promise;
    };
    // Told of every message, it has nothing to do for others than QoS 1.
    house.persistence.storeAhead = async (packet) => {
      if (packet.qos === 1) await store(packet);
    };
    house.persistence.incomingStorePacket = async (identity, packet) => {
      await store(packet);
      await incomingStorePacket.call(house.persistence, identity, packet);
    };
    let acknowledged = false;
    const published = client.publishAsync(`devices/d${qos}/x`, 'x', { qos }).then(() => {
      acknowledged = true;
    });
    await until(() => stored.length === 1);
    expect(acknowledged).toBe(false);
    resolve();
    await published;
    await client.publishAsync(`devices/d${qos}/x`, 'x', { qos: 0 });
    await client.publishAsync('devices/other', 'x', { qos: 1 });
    expect(stored.filter((topic) => topic.endsWith('/x'))).toEqual([`devices/d${qos}/x`]);
    expect(stored).not.toContain('devices/other');
    Object.assign(house.persistence, { storeAhead, incomingStorePacket });
  });

  it('never comes when persistence fails: the connection ends', async () => {
    const client = await house.connected(await house.device('d3'), 'd3');
    house.persistence.storeAhead = async () => {
      throw new Error('disk full');
    };
    let acknowledged = false;
    client.publish('devices/d3/x', 'x', { qos: 1 }, (error) => {
      acknowledged = !error;
    });
    await closed(client);
    expect(acknowledged).toBe(false);
    house.persistence.storeAhead = async () => undefined;
  });

  it('does not cost a subscriber the message when others overtake it on its way through the store', async () => {
    const credential = await house.device('d4');
    const reader = await house.connected(credential, 'd4:reader');
    const heard = inbox(reader);
    await reader.subscribeAsync('devices/d4/#', { qos: 1 });
    const { promise, resolve } = withResolvers();
    const enqueue = house.persistence.outgoingEnqueueCombi;
    house.persistence.outgoingEnqueueCombi = async (subscriptions, packet) => {
      await enqueue.call(house.persistence, subscriptions, packet);
      if (packet.topic.endsWith('/slow')) await promise;
    };
    const [slow, fast] = [await house.connected(credential, 'd4:1'), await house.connected(credential, 'd4:2')];
    await slow.publishAsync('devices/d4/slow', '1', { qos: 1 });
    await fast.publishAsync('devices/d4/fast', '2', { qos: 0 });
    await until(() => heard.includes('devices/d4/fast 2'));
    resolve();
    await until(() => heard.includes('devices/d4/slow 1'));
    house.persistence.outgoingEnqueueCombi = enqueue;
  });

  it('is one for a message two subscriptions match, which arrives once', async () => {
    const credential = await house.device('d5');
    const reader = await house.connected(credential, 'd5:reader', { clean: false });
    const heard = inbox(reader);
    await reader.subscribeAsync(['devices/d5/#', 'devices/d5/+'], { qos: 1 });
    for (const n of [1, 2, 3]) await reader.publishAsync('devices/d5/x', String(n), { qos: 1 });
    await reader.publishAsync('devices/d5/end', '.', { qos: 1 });
    await until(() => heard.includes('devices/d5/end .'));
    expect(heard).toEqual(['devices/d5/x 1', 'devices/d5/x 2', 'devices/d5/x 3', 'devices/d5/end .']);
    expect(reader.connected).toBe(true);
  });
});

describe('a will', () => {
  let house: House;
  let heard: string[];
  beforeAll(async () => {
    house = await House.open();
    const service = await house.connected(await house.service('backend', everything), 'backend');
    heard = inbox(service);
    await service.subscribeAsync(['devices/#', '$enroll/#'], { qos: 1 });
  });
  afterAll(() => house.close());

  const will = (topic: string) => ({ will: { topic, payload: Buffer.from('gone'), qos: 1 as const, retain: false } });

  it('on an allowed topic is published when the connection breaks, and when the session is ended', async () => {
    const credential = await house.device('d1');
    const broken = await house.connected(credential, 'd1', will('devices/d1/state'));
    broken.stream.destroy();
    await until(() => heard.length === 1);
    await house.connected(credential, 'd1', will('devices/d1/ended'));
    await house.broker.sessions.closeByCertificate(credential.fingerprint, 'revoked');
    await until(() => heard.length === 2);
    expect(heard).toEqual(['devices/d1/state gone', 'devices/d1/ended gone']);
  });

  it.each(['devices/d9/state', 'devices/d2/#', '$enroll/1/d2/hello', '$SYS/broker/connection/d2/state'])(
    'on %s is dropped at CONNECT',
    async (topic) => {
      const denied = house.entrance.denials.length;
      const client = await house.connected(await house.device('d2'), 'd2', will(topic));
      expect(await house.persistence.getWill({ id: 'd2' })).toBeUndefined();
      expect(house.entrance.denials.length).toBe(denied + (topic.startsWith('$SYS/') ? 0 : 1));
      client.stream.destroy();
      await until(() => house.broker.sessionCount === 1);
      expect(heard.filter((line) => line.startsWith(topic))).toEqual([]);
      expect(house.entrance.received).toEqual([]);
    },
  );
});
