// Messages that waited for the store among messages that did not: nobody loses one, and what one client sent on one topic is
// delivered, and acknowledged, in the order in which it was sent [MQTT-4.6.0].
import type { IPublishPacket } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { enrollmentTopic } from '../../../src/domain/topics.ts';
import { closed, connectPacket, generate } from '../../broker/harness.ts';
import { idOf } from '../../domain/samples.ts';
import { principal, startFreshBroker, type TestBroker } from './broker.ts';
import { keepers } from './keepers.ts';

describe.each(keepers)('kept by $name', (keeper) => {
  const publishers = 6;
  const messagesEach = 300;

  let broker: TestBroker;

  beforeEach(async () => {
    broker = await startFreshBroker(keeper);
  });
  afterEach(() => broker.close());

  async function inbox(clientId: string, filters: readonly string[], qos: 0 | 1 | 2, clean = false) {
    const opened = await broker.open(clientId, { clean });
    if (filters.length > 0) await opened.client.subscribeAsync([...filters], { qos });
    return opened;
  }

  /** Every third message is for a session that is away, every fifth is retained, every seventh is QoS 2 or QoS 0. */
  function messageOf(publisher: number, index: number) {
    const topic = `${index % 3 === 0 ? 'kept' : 'fast'}/${publisher}/${index % 2 === 0 ? 'even' : 'odd'}`;
    const qos = index % 7 === 0 ? 2 : index % 7 === 1 ? 0 : 1;
    return { topic, text: `${publisher}:${index}`, options: { qos, retain: index % 5 === 0 } as const };
  }

  async function publishAll(publisher: number): Promise<void> {
    const client = await broker.connect(`publisher-${publisher}`);
    const sent: Promise<unknown>[] = [];
    for (let index = 0; index < messagesEach; index += 1) {
      const { topic, text, options } = messageOf(publisher, index);
      sent.push(client.publishAsync(topic, text, options));
      // Not all at once: messages of different publishers are to meet in the store.
      if (index % 20 === 0) await Promise.all(sent.splice(0));
    }
    await Promise.all(sent);
  }

  const all = Array.from({ length: publishers }, (_, publisher) =>
    Array.from({ length: messagesEach }, (_, index) => messageOf(publisher, index)),
  ).flat();
  const aboveQos0 = all.filter(({ options }) => options.qos > 0);

  function distinct(packets: readonly IPublishPacket[]): Set<string> {
    return new Set(packets.map(({ payload }) => payload.toString()));
  }

  /** The messages of each topic and QoS, in the order of their first arrival. */
  function orders(packets: readonly IPublishPacket[]): number[][] {
    const byTopic = new Map<string, number[]>();
    for (const { topic, payload, qos } of packets) {
      const index = Number(payload.toString().split(':')[1]);
      const order = byTopic.get(`${topic} ${qos}`) ?? [];
      byTopic.set(`${topic} ${qos}`, order);
      if (!order.includes(index)) order.push(index);
    }
    return [...byTopic.values()];
  }

  function expectOrder(...inboxes: readonly { readonly messages: readonly IPublishPacket[] }[]): void {
    for (const { messages } of inboxes) {
      for (const order of orders(messages)) expect(order).toEqual(order.toSorted((a, b) => a - b));
    }
  }

  describe('messages of several publishers at once', () => {
    it('all reach live sessions, clean or not, and the session that is away, in order', {
      timeout: 60_000,
    }, async () => {
      const away = await inbox('away', ['kept/#'], 1);
      await away.client.endAsync();
      const live = await inbox('live', ['#', 'kept/+/even'], 2);
      const clean = await inbox('clean', ['#', 'fast/#'], 2, true);
      // A QoS below the message's mixes messages that took different paths.
      const lower = await inbox('lower', ['#'], 1);
      const lowest = await inbox('lowest', ['#'], 0, true);
      const present = [live, clean, lower, lowest];

      await Promise.all(Array.from({ length: publishers }, (_, publisher) => publishAll(publisher)));
      await Promise.all(present.map(({ until }) => until((packets) => distinct(packets).size === all.length)));
      const returned = await inbox('away', [], 1);
      const awaited = aboveQos0.filter(({ topic }) => topic.startsWith('kept/'));
      await returned.until((packets) => distinct(packets).size >= awaited.length);

      expect(distinct(returned.messages)).toEqual(new Set(awaited.map(({ text }) => text)));
      expect(returned.messages).toHaveLength(awaited.length);
      for (const { messages } of present) expect(messages).toHaveLength(all.length);
      expectOrder(...present, returned);
    });

    it('stay in order when only the retained ones wait for the store', { timeout: 60_000 }, async () => {
      const clean = await inbox('clean', ['#'], 2, true);
      const lower = await inbox('lower', ['#'], 1, true);
      const lowest = await inbox('lowest', ['#'], 0, true);
      await Promise.all(Array.from({ length: publishers }, (_, publisher) => publishAll(publisher)));
      for (const { until } of [clean, lower, lowest]) await until((packets) => distinct(packets).size === all.length);
      expectOrder(clean, lower, lowest);
    });

    it('are owed to nobody once acknowledged', { timeout: 60_000 }, async () => {
      const live = await inbox('live', ['kept/#'], 2);
      const lower = await inbox('lower', ['kept/#'], 1);
      await Promise.all(Array.from({ length: publishers }, (_, publisher) => publishAll(publisher)));
      const awaited = all.filter(({ topic }) => topic.startsWith('kept/'));
      for (const { until } of [live, lower]) await until((packets) => distinct(packets).size === awaited.length);
      await expect.poll(() => broker.queued()).toBe(0);
    });
  });

  describe('one publisher', () => {
    it('is acknowledged in the order in which it sent, whatever waits for the store', async () => {
      const away = await inbox('away', ['kept/#'], 1);
      await away.client.endAsync();
      const publisher = await broker.connect('publisher');
      const [sent, acknowledged]: [number[], number[]] = [[], []];
      publisher.on('packetsend', (packet) => packet.cmd === 'publish' && sent.push(packet.messageId ?? 0));
      publisher.on('packetreceive', (packet) => packet.cmd === 'puback' && acknowledged.push(packet.messageId ?? 0));
      const topicOf = (index: number): string => (index % 3 === 0 ? 'kept' : 'fast');
      await Promise.all(
        Array.from({ length: 60 }, (_, index) => publisher.publishAsync(topicOf(index), 'x', { qos: 1 })),
      );
      expect(acknowledged).toHaveLength(60);
      expect(acknowledged).toEqual(sent);
    });

    it('is not acknowledged what cannot be stored, nor what follows, and nobody else is the worse for it', async () => {
      const away = await inbox('away', ['kept/#'], 1);
      await away.client.endAsync();
      broker.refuse('kept/bad');
      const [unlucky, other] = [await broker.connect('unlucky'), await broker.connect('other')];
      const acknowledged: string[] = [];
      const ended = closed(unlucky);
      await unlucky.publishAsync('kept/good', 'kept/good', { qos: 1 });
      for (const topic of ['kept/bad', 'kept/late', 'fast']) {
        unlucky.publish(topic, topic, { qos: 1 }, (error) => error ?? acknowledged.push(topic));
      }
      await Promise.all([other.publishAsync('kept/other', 'kept/other', { qos: 1 }), ended]);
      expect(acknowledged).toEqual([]);
      await other.publishAsync('kept/end', 'kept/end', { qos: 1 });
      const returned = await inbox('away', [], 1);
      await returned.until((packets) => packets.some(({ topic }) => topic === 'kept/end'));
      expect(returned.texts()).toEqual(expect.arrayContaining(['kept/good', 'kept/other', 'kept/end']));
      expect(returned.texts()).not.toContain('kept/bad');
    });

    it('that leaves at once is heard out, in order', async () => {
      const away = await inbox('away', ['t'], 1);
      await away.client.endAsync();
      const heard = await inbox('heard', ['t'], 0, true);
      const publish = (text: string, qos: 0 | 2): Buffer =>
        generate({ cmd: 'publish', topic: 't', payload: text, qos, messageId: 1, dup: false, retain: false });
      const socket = await broker.raw();
      const connected = new Promise((resolve) => socket.once('data', resolve));
      socket.write(connectPacket(`${principal}:leaver`));
      await connected;
      socket.end(Buffer.concat([publish('1', 2), publish('2', 0), publish('3', 0), generate({ cmd: 'disconnect' })]));
      await heard.until((packets) => packets.length === 3);
      expect(heard.texts()).toEqual(['1', '2', '3']);
    });
  });

  describe('messages the broker sends to one client', () => {
    it('are delivered in spite of what was sent while the first was queued', async () => {
      const offers = enrollmentTopic(idOf(principal), 'offer');
      const live = await inbox('live', ['news', 'direct', offers], 1);
      await live.client.subscribeAsync('at once', { qos: 0 });
      const publisher = await broker.connect('publisher');
      const sent: Promise<number>[] = [];
      const send = (topic: string, text: string): void => {
        sent.push(broker.house.broker.sessions.send(idOf(principal), topic, Buffer.from(text)));
      };
      for (let index = 0; index < 50; index += 1) {
        send(offers, `offer ${index}`);
        send('direct', `direct ${index}`);
        send('at once', `at once ${index}`);
        await publisher.publishAsync('news', `news ${index}`, { qos: 1 });
      }
      expect(new Set(await Promise.all(sent))).toEqual(new Set([1]));
      await live.until((packets) => packets.length >= 200);
      expect(distinct(live.messages).size).toBe(200);
    });
  });
});
