// A broker whose id stays the same loses what was queued before a restart: its counter begins at 0 again, and what has a number and an
// id that were seen counts as a repetition. So each start has an id of its own, and its place in the order of starts.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type SqliteTestBroker, startSqliteBroker, temporaryFolder } from '../mqtt/broker.ts';

let folder: ReturnType<typeof temporaryFolder>;
let broker: SqliteTestBroker;

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  await broker.close();
  folder.remove();
});

/** Starts a broker on the same file, sends these to whoever is away, and tells what the queue's rows go by. */
async function boot(...texts: string[]): Promise<{ brokerId: string; counters: number[] }> {
  broker = await startSqliteBroker(`${folder.path}/nolapse.db`);
  const publisher = await broker.connect('publisher');
  for (const text of texts) await publisher.publishAsync('k/x', text, { qos: 1 });
  await publisher.endAsync();
  const { sqlite } = broker.database;
  const { boot: number, broker_id } = sqlite
    .prepare('SELECT boot, broker_id FROM mqtt_boot ORDER BY boot DESC LIMIT 1')
    .get() as { boot: number; broker_id: string };
  const counters = sqlite.prepare('SELECT counter FROM mqtt_outgoing WHERE boot = ? ORDER BY counter').pluck();
  return { brokerId: broker_id, counters: counters.all(number) as number[] };
}

it('a fresh broker id at each boot: what was queued before a restart comes, and before what was queued after it', async () => {
  broker = await startSqliteBroker(`${folder.path}/nolapse.db`);
  const sleeper = await broker.open('sleeper');
  await sleeper.client.subscribeAsync('k/#', { qos: 1 });
  await sleeper.client.endAsync();
  await broker.close();
  const boots = [];
  for (const texts of [
    ['1', '2'],
    ['3', '4'],
    ['5', '6'],
  ]) {
    boots.push(await boot(...texts));
    await broker.close();
  }
  expect(new Set(boots.map(({ brokerId }) => brokerId)).size).toBe(3);
  // The numbers alone do repeat themselves.
  const [first, ...later] = boots.map(({ counters }) => counters);
  expect(first).toHaveLength(2);
  for (const counters of later) expect(counters).toEqual(first);
  broker = await startSqliteBroker(`${folder.path}/nolapse.db`);
  const back = await broker.open('sleeper');
  await back.until((packets) => packets.length === 6);
  expect(back.texts()).toEqual(['1', '2', '3', '4', '5', '6']);
});
