// Retained messages that cannot be read: nobody's connection, and not the process, ends with them.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../broker/harness.ts';
import { startBroker, type TestBroker, temporaryFolder } from './mqtt-broker.ts';

let folder: ReturnType<typeof temporaryFolder>;
let broker: TestBroker;

beforeEach(async () => {
  folder = temporaryFolder();
  broker = await startBroker(`${folder.path}/nolapse.db`);
});

afterEach(async () => {
  await broker.close();
  folder.remove();
});

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
});
