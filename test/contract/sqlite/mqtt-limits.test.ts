// What one principal may have kept in the store: retained messages and sessions. Beyond its bounds it loses something, and nobody else.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../broker/harness.ts';
import { type SqliteTestBroker, startSqliteBroker, temporaryFolder } from '../mqtt/broker.ts';
import { gathered } from '../mqtt/gathered.ts';

const access = { publish: ['#'], subscribe: ['#'] };

let folder: ReturnType<typeof temporaryFolder>;
let broker: SqliteTestBroker;
let dropped: string[];

beforeEach(() => {
  folder = temporaryFolder();
  dropped = [];
});
afterEach(async () => {
  await broker.close();
  folder.remove();
});

async function start(options: Parameters<typeof startSqliteBroker>[1]): Promise<void> {
  broker = await startSqliteBroker(`${folder.path}/nolapse.db`, {
    onDropped: (_client, topic) => dropped.push(topic),
    isConnected: (clientId) => broker.house.broker.isConnected(clientId),
    ...options,
  });
}

/** The first column of what is stored. */
const stored = (sql: string): unknown[] => broker.database.sqlite.prepare(sql).pluck().all();
const retained = (): unknown[] => stored('SELECT topic FROM mqtt_retained ORDER BY topic');
const sessions = (): unknown[] => stored('SELECT DISTINCT client_id FROM mqtt_subscription ORDER BY client_id');

async function retain(name: string, topic: string, bytes: number, qos: 0 | 1 | 2 = 1): Promise<void> {
  const client = await broker.connect(name, { clean: false });
  await client.publishAsync(topic, 'x'.repeat(bytes), { qos, retain: true });
  await client.endAsync();
}

describe('retained messages', () => {
  it.each([
    ['of one principal', { messagesPerPrincipalMax: 3 }, true],
    ['of one principal in bytes', { bytesPerPrincipalMax: 1_000 }, true],
    ['in all', { messagesMax: 3 }, false],
    ['in all in bytes', { bytesMax: 1_000 }, false],
  ])('are bounded %s, whichever way they go, and counted anew at the start', async (_, limits, othersHaveRoom) => {
    await start({ retained: limits });
    await retain('a', 'k/0', 300, 0);
    await until(() => retained().length === 1);
    await retain('b', 'k/1', 300, 1);
    await retain('c', 'k/2', 300, 2);
    for (const qos of [1, 2] as const) await retain('d', 'k/3', 300, qos);
    await retain('d', 'k/3', 300, 0);
    await until(() => dropped.length === 3);
    expect(retained()).toEqual(['k/0', 'k/1', 'k/2']);
    await broker.close();
    await start({ retained: limits });
    await retain('d', 'k/3', 300);
    const other = await broker.house.connected(await broker.house.service('other', access), 'other');
    await other.publishAsync('o/0', 'y'.repeat(300), { qos: 1, retain: true });
    expect(retained()).toEqual(['k/0', 'k/1', 'k/2', ...(othersHaveRoom ? ['o/0'] : [])]);
    await retain('a', 'k/0', 0);
    await retain('d', 'k/3', 300);
    expect(retained()).toContain('k/3');
  });

  it('that find no room take the one they were to replace with them: what is old is not told as the latest', async () => {
    await start({ retained: { bytesPerPrincipalMax: 1_000 } });
    await retain('a', 'k', 300);
    await retain('a', 'k', 900);
    await retain('a', 'k', 1_000);
    expect(retained()).toEqual([]);
    expect(dropped).toEqual(['k']);
  });

  it('count for whoever published last: nobody fills the share of another', async () => {
    await start({ retained: { messagesPerPrincipalMax: 1 } });
    await retain('a', 'k/0', 10);
    const other = await broker.house.connected(await broker.house.service('other', access), 'other');
    await other.publishAsync('k/0', 'taken over', { qos: 1, retain: true });
    await retain('a', 'k/1', 10);
    expect(retained()).toEqual(['k/0', 'k/1']);
  });
});

describe('kept sessions', () => {
  async function keep(...names: string[]): Promise<void> {
    for (const name of names) {
      const { client } = await broker.open(name);
      await client.subscribeAsync('k/#', { qos: 1 });
      await client.endAsync();
      await until(() => !broker.house.broker.isConnected(`app:${name}`));
    }
  }

  it('are bounded for a principal: with one too many, the one longest away is forgotten with its queue', async () => {
    await start({ sessionsPerPrincipalMax: 3 });
    await keep('a', 'b', 'c', 'a');
    await (await broker.connect('publisher')).publishAsync('k/x', 'x', { qos: 1 });
    expect(sessions()).toEqual(['app:a', 'app:b', 'app:c']);
    await keep('d');
    await until(() => sessions().length === 3);
    expect(sessions()).toEqual(['app:a', 'app:c', 'app:d']);
    expect(stored('SELECT client_id FROM mqtt_outgoing ORDER BY client_id')).toEqual(['app:a', 'app:c']);
  });

  it('are forgotten once away for long enough, and never while somebody is there or came back', async () => {
    await start({});
    const here = await broker.open('here');
    await here.client.subscribeAsync('k/#', { qos: 1 });
    await keep('gone', 'back');
    const look = (ms: number): Promise<string[]> => gathered(broker.persistence.sessions.forgetAbsent(ms, 1_000));
    // The first look only finds that they are away: for how long, nobody knows.
    expect(await look(5_000)).toEqual([]);
    expect(await look(999)).toEqual([]);
    await keep('back');
    await until(() => !stored('SELECT client_id FROM mqtt_absence').includes('app:back'));
    await here.client.publishAsync('k/x', 'x', { qos: 1 });
    expect(await look(1)).toEqual(['app:gone']);
    expect(sessions()).toEqual(['app:back', 'app:here']);
    expect(stored('SELECT client_id FROM mqtt_outgoing')).not.toContain('app:gone');
    // What is known of its absence outlives a restart, during which nothing is counted.
    expect(await look(900)).toEqual([]);
    await broker.close();
    await start({});
    expect(await gathered(broker.persistence.sessions.forgetAbsent(99, 1_000))).toEqual([]);
    expect(await gathered(broker.persistence.sessions.forgetAbsent(1, 1_000))).toEqual(['app:back']);
  });
});
