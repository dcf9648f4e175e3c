// Retained messages that cannot be read: nobody's connection, and not the process, ends with them.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectPacket, generate, packetsOf, until } from '../../broker/harness.ts';
import { principal, type SqliteTestBroker, startFreshSqliteBroker } from '../mqtt/broker.ts';

let broker: SqliteTestBroker;

beforeEach(async () => {
  broker = await startFreshSqliteBroker();
});
afterEach(() => broker.close());

describe('retained messages', () => {
  it('that cannot be read are missed, told once for the subscription, and cost nobody anything else', async () => {
    const publisher = await broker.connect('publisher');
    for (const index of [0, 1, 2]) await publisher.publishAsync(`kept/${index}`, 'x', { qos: 1, retain: true });
    broker.database.sqlite.exec('ALTER TABLE mqtt_retained RENAME TO elsewhere');

    const reader = await broker.open('reader', { clean: true });
    await reader.client.subscribeAsync('kept/#', { qos: 1 });
    await until(() => broker.house.told('broker.failed').length > 0);
    await publisher.publishAsync('kept/live', 'live', { qos: 1 });
    await reader.until((packets) => packets.some(({ topic }) => topic === 'kept/live'));
    expect(reader.client.connected && publisher.connected).toBe(true);
    expect(broker.house.told('broker.failed')).toMatchObject([
      { level: 'error', message: expect.stringContaining('retained messages could not be read') },
    ]);
  });

  it('are replayed to a client that asks again and again one replay at a time, however often it asks', async () => {
    const [messages, times] = [300, 60];
    const publisher = await broker.connect('publisher');
    const all = Array.from({ length: messages }, (_, index) => `kept/${index}`);
    for (const topic of [...all, 'last']) await publisher.publishAsync(topic, 'x', { qos: 1, retain: true });
    const socket = await broker.raw();
    const packets = packetsOf(socket);
    const ask = (topic: string, messageId: number) =>
      generate({ cmd: 'subscribe', messageId, subscriptions: [{ topic, qos: 0 as const }] });
    const asked = Array.from({ length: times }, (_, index) => ask('kept/#', index + 1));
    socket.write(Buffer.concat([connectPacket(`${principal}:flood`), ...asked, ask('last', times + 1)]));
    const other = await broker.open('other', { clean: true });
    await other.client.subscribeAsync('last');
    await other.until((heard) => heard.some(({ topic, retain }) => topic === 'last' && retain));
    const topics = () => packets.flatMap((packet) => (packet.cmd === 'publish' ? [packet.topic] : []));
    await until(() => topics().includes('last'), 60_000);
    // It may overtake the end of the replay before it.
    const kept = () => topics().filter((topic) => topic !== 'last');
    await until(() => kept().length % messages === 0);
    const heard = kept();
    expect(packets.filter(({ cmd }) => cmd === 'suback')).toHaveLength(times + 1);
    expect(new Set(heard)).toEqual(new Set(all));
    expect(heard.length / messages).toBeLessThanOrEqual(4);
    // Asked once more, it has them once more [MQTT-3.8.4-3].
    socket.write(ask('kept/7', times + 2));
    await until(() => topics().at(-1) === 'kept/7');
    socket.destroy();
  });
});
