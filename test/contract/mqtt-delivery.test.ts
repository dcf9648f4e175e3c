// Messages that waited for the store among messages that did not: nobody loses one, and one topic's stay in order.
import { once } from 'node:events';
import type { Client } from 'aedes';
import type { IPublishPacket, MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectTo, openInbox, startBroker, type TestBroker, temporaryFolder } from './mqtt-broker.ts';

const publishers = 6;
const messagesEach = 300;

let folder: ReturnType<typeof temporaryFolder>;
let broker: TestBroker;
const clients: MqttClient[] = [];

beforeEach(async () => {
  folder = temporaryFolder();
  broker = await startBroker(`${folder.path}/nolapse.db`);
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
  await broker.close();
  folder.remove();
});

async function inbox(clientId: string, filters: readonly string[], qos: 0 | 1 | 2, clean = false) {
  const opened = await openInbox(broker.port, clientId, { clean });
  clients.push(opened.client);
  if (filters.length > 0) await opened.client.subscribeAsync([...filters], { qos });
  return opened;
}

/** Every third message is for a session that is away, every fifth is retained, every seventh is QoS 2 or QoS 0. */
function messageOf(publisher: number, index: number) {
  const topic = `${index % 3 === 0 ? 'kept' : 'fast'}/${publisher}/${index % 5 === 0 ? 'last' : 'every'}`;
  const qos = index % 7 === 0 ? 2 : index % 7 === 1 ? 0 : 1;
  return { topic, text: `${publisher}:${index}`, options: { qos, retain: index % 5 === 0 } as const };
}

async function publishAll(publisher: number): Promise<void> {
  const client = await connectTo(broker.port, `publisher-${publisher}`);
  clients.push(client);
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

describe('messages of several publishers at once', () => {
  it('all reach live sessions, clean or not, and the session that is away', { timeout: 60_000 }, async () => {
    const away = await inbox('away', ['kept/#'], 1);
    await away.client.endAsync();
    const live = await inbox('live', ['#', 'kept/+/every'], 2);
    const clean = await inbox('clean', ['#', 'fast/#'], 2, true);

    await Promise.all(Array.from({ length: publishers }, (_, publisher) => publishAll(publisher)));
    await Promise.all([live, clean].map(({ until }) => until((packets) => distinct(packets).size === all.length)));
    const returned = await inbox('away', [], 1);
    const awaited = aboveQos0.filter(({ topic }) => topic.startsWith('kept/'));
    await returned.until((packets) => distinct(packets).size >= awaited.length);

    expect(distinct(returned.messages)).toEqual(new Set(awaited.map(({ text }) => text)));
    expect(returned.messages).toHaveLength(awaited.length);
    expect(live.messages).toHaveLength(all.length);
    expect(clean.messages).toHaveLength(all.length);
  });

  it('are owed to nobody once acknowledged', { timeout: 60_000 }, async () => {
    const live = await inbox('live', ['kept/#'], 2);
    await Promise.all(Array.from({ length: publishers }, (_, publisher) => publishAll(publisher)));
    const awaited = all.filter(({ topic }) => topic.startsWith('kept/'));
    await live.until((packets) => distinct(packets).size === awaited.length);
    await expect
      .poll(() => broker.database.sqlite.prepare('SELECT count(*) AS count FROM mqtt_outgoing').get(), {
        timeout: 5_000,
      })
      .toEqual({ count: 0 });
  });
});

describe('messages the broker sends to one client', () => {
  it('are delivered in spite of what was sent while the first was queued', async () => {
    const registered = once(broker.aedes, 'client') as Promise<[Client]>;
    const live = await inbox('live', ['news'], 1);
    const [session] = await registered;
    const send = (topic: string, payload: string, qos: 0 | 1): void =>
      session.publish({ cmd: 'publish', topic, payload, qos, dup: false, retain: false }, () => undefined);
    const publisher = await connectTo(broker.port, 'publisher');
    clients.push(publisher);
    for (let index = 0; index < 50; index += 1) {
      send('$enroll/1/live/offer', `offer ${index}`, 1);
      send('direct', `direct ${index}`, 1);
      send('direct', `at once ${index}`, 0);
      await publisher.publishAsync('news', `news ${index}`, { qos: 1 });
    }
    await live.until((packets) => packets.length >= 200);
    expect(distinct(live.messages).size).toBe(200);
  });
});
