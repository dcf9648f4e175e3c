// The QoS of what a client is sent: the lower of the message's own and the highest that its matching subscriptions grant
// [MQTT-3.8.4-6], [MQTT-3.3.5-1]; and what it acknowledges at that QoS is owed no longer.
import type { IPublishPacket } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFreshBroker, type TestBroker } from './broker.ts';
import { keepers } from './keepers.ts';

describe.each(keepers)('kept by $name', (keeper) => {
  type Qos = 0 | 1 | 2;
  type Filters = Record<string, Qos>;

  let broker: TestBroker;
  beforeAll(async () => {
    broker = await startFreshBroker(keeper);
  });
  afterAll(() => broker.close());

  let readers = 0;

  async function reader(filters: Filters, clean: boolean) {
    readers += 1;
    const opened = await broker.open(`reader${readers}`, { clean });
    for (const [filter, qos] of Object.entries(filters)) await opened.client.subscribeAsync(filter, { qos });
    return opened;
  }

  const texts = (packets: readonly IPublishPacket[]) => packets.map(({ payload, qos }) => `${payload} ${qos}`);

  describe.each([
    ['clean', true],
    ['persistent', false],
  ])('a %s session is sent a message', (_kind, clean) => {
    it.each<[Qos, Filters, Qos]>([
      [2, { '#': 1 }, 1],
      [2, { 'a/+': 1 }, 1],
      [2, { 'a/b': 1 }, 1],
      [2, { '#': 0 }, 0],
      [1, { 'a/#': 0 }, 0],
      [1, { '#': 2 }, 1],
      [0, { '#': 2 }, 0],
      [2, { '#': 0, 'a/+': 1 }, 1],
      [2, { 'a/+': 1, '#': 0 }, 1],
      [1, { 'a/b': 0, '#': 1 }, 1],
      [2, { '#': 2, 'a/b': 0, 'a/+': 1 }, 2],
      [2, { 'other/#': 2, 'a/b': 1 }, 1],
    ])('of QoS %i, to its subscriptions %o, once and at QoS %i', async (published, filters, expected) => {
      const { client, messages, until } = await reader({ ...filters, fence: 2 }, clean);
      await client.publishAsync('a/b', 'x', { qos: published });
      await client.publishAsync('fence', 'fence', { qos: 2 });
      await until((packets) => new Set(texts(packets)).size >= 2);
      expect(texts(messages).toSorted()).toEqual(['fence 2', `x ${expected}`]);
      await expect.poll(() => broker.queued()).toBe(0);
      await client.unsubscribeAsync([...Object.keys(filters), 'fence']);
      await client.endAsync();
    });

    it('at what is still granted when the higher subscription is gone', async () => {
      const { client, messages, until } = await reader({ 'a/b': 0, '#': 2 }, clean);
      await client.publishAsync('a/b', 'higher', { qos: 2 });
      await until((packets) => packets.length === 1);
      await client.unsubscribeAsync('#');
      await client.publishAsync('a/b', 'lower', { qos: 2 });
      await until((packets) => packets.length === 2);
      expect(texts(messages)).toEqual(['higher 2', 'lower 0']);
      await client.endAsync();
    });

    it('that was retained, by the same rule', async () => {
      const { client, messages, until } = await reader({}, clean);
      await client.publishAsync('kept/x', 'kept', { qos: 2, retain: true });
      await client.subscribeAsync('kept/#', { qos: 1 });
      await until((packets) => packets.length === 1);
      expect(texts(messages)).toEqual(['kept 1']);
      await client.publishAsync('kept/x', '', { qos: 1, retain: true });
      await client.endAsync();
    });
  });
});
