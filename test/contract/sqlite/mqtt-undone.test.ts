// A write of sessions and messages that the storage refuses: what is counted in memory is as it was, and only what the write was about is
// read again, however much else is kept.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { MqttPersistence } from '../../../src/ports/mqtt-persistence.ts';
import { createMqttPersistence } from '../../../src/store/mqtt/persistence.ts';
import { type Database, openDatabase } from '../../../src/store/sqlite/database.ts';
import { idOf } from '../store/rows.ts';

const queuedMessagesMax = 2;
let home: string;
let database: Database;
let kept: MqttPersistence;
let dropped: string[];
/** Rows that were read, of statements that read many. */
let read: number;

function counted(sqlite: Database['sqlite']): void {
  const prepare = sqlite.prepare.bind(sqlite);
  Object.assign(sqlite, {
    prepare: (sql: string) => {
      const statement = prepare(sql);
      const all = statement.all.bind(statement);
      return Object.assign(statement, {
        all: (...given: unknown[]) => {
          const rows = all(...given);
          read += rows.length;
          return rows;
        },
      });
    },
  });
}

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'nolapse-undone-'));
  database = openDatabase(join(home, 'nolapse.db'));
  dropped = [];
  counted(database.sqlite);
  kept = createMqttPersistence(database, {
    queuedMessagesMax,
    queuedBytesMax: 1_000_000,
    retained: { messagesMax: 1 },
    onDropped: (clientId, topic) => void dropped.push(`${clientId} ${topic}`),
  });
  await kept.setup({ id: 'b', counter: 0, mq: { emit: () => undefined }, emit: () => undefined });
  for (let i = 0; i < 300; i += 1) {
    const client = { id: `other-${i}` };
    await kept.addSubscriptions(client, [{ topic: 't/#', qos: 1 }]);
    await kept.outgoingEnqueue({ clientId: client.id }, { topic: 'before', payload: 'x', qos: 1 });
  }
  read = 0;
});
afterEach(async () => {
  await database.close();
  rmSync(home, { recursive: true });
});

const refuse = (table: string, when: string): void =>
  void database.sqlite.exec(`CREATE TRIGGER refused BEFORE INSERT ON ${table} WHEN ${when}
    BEGIN SELECT RAISE(ABORT, 'no space'); END`);
const accept = (): void => void database.sqlite.exec('DROP TRIGGER refused');
const enqueue = (...ids: string[]): Promise<void> =>
  kept.outgoingEnqueueCombi(
    ids.map((clientId) => ({ clientId })),
    { topic: 'q', payload: 'x', qos: 1 },
  );

async function queueOf(id: string): Promise<number> {
  let messages = 0;
  for await (const _ of kept.outgoing({ id })) messages += 1;
  return messages;
}

it('counts nothing of a message that could not be queued for all it was meant for', async () => {
  refuse('mqtt_outgoing', "NEW.client_id = 'b'");
  for (let i = 0; i < 3; i += 1) await expect(enqueue('a', 'b')).rejects.toThrow('no space');
  expect(read).toBeLessThan(20);
  accept();
  for (let i = 0; i < queuedMessagesMax; i += 1) await enqueue('a');
  expect(dropped).toEqual([]);
  await enqueue('a');
  expect(dropped).toEqual(['a q']);
  expect(await queueOf('a')).toBe(queuedMessagesMax);
});

it('counts a retained message that could not be replaced', async () => {
  await kept.storeRetained({ topic: 'r/one', payload: 'x', retain: true });
  database.sqlite.exec(`CREATE TRIGGER refused BEFORE UPDATE ON mqtt_retained
    BEGIN SELECT RAISE(ABORT, 'no space'); END`);
  await expect(kept.storeRetained({ topic: 'r/one', payload: 'y', retain: true })).rejects.toThrow('no space');
  accept();
  expect(await kept.retainedOf('r/one')).toMatchObject({ payload: 'x' });
  await kept.storeRetained({ topic: 'r/two', payload: 'x', retain: true });
  expect(dropped).toEqual(['null r/two']);
  expect(read).toBeLessThan(20);
});

it('takes back no subscription that was there, and keeps none that was refused', async () => {
  const client = { id: 'other-7' };
  refuse('mqtt_subscription', "NEW.filter = 'bad'");
  const asked = kept.addSubscriptions(client, [
    { topic: 'good', qos: 1 },
    { topic: 'bad', qos: 1 },
  ]);
  await expect(asked).rejects.toThrow('no space');
  expect((await kept.subscriptionsByClient(client)).map(({ topic }) => topic)).toEqual(['t/#']);
  expect(await kept.subscriptionsByTopic('good')).toEqual([]);
  expect(await kept.subscriptionsByTopic('t/x')).toHaveLength(300);
  expect(read).toBeLessThan(20);
});

it('keeps a session whose forgetting was undone', async () => {
  database.sqlite.exec(`CREATE TRIGGER refused BEFORE DELETE ON mqtt_subscription WHEN OLD.client_id = 'other-9'
    BEGIN SELECT RAISE(ABORT, 'no space'); END`);
  await expect(kept.cleanSubscriptions({ id: 'other-9', clean: true })).rejects.toThrow('no space');
  expect((await kept.subscriptionsByClient({ id: 'other-9' })).map(({ topic }) => topic)).toEqual(['t/#']);
  expect(await queueOf('other-9')).toBe(1);
  expect(read).toBeLessThan(20);
});

it('keeps what another write asks for while a write that is undone has asked for the same', async () => {
  const client = { id: 'other-7' };
  refuse('mqtt_subscription', "NEW.filter = 'bad'");
  const good = { topic: 'good', qos: 1 } as const;
  const refused = kept.addSubscriptions(client, [good, { topic: 'bad', qos: 1 }]);
  const granted = kept.addSubscriptions(client, [good]);
  await expect(refused).rejects.toThrow('no space');
  await granted;
  expect((await kept.subscriptionsByClient(client)).map(({ topic }) => topic).toSorted()).toEqual(['good', 't/#']);
  expect(await kept.subscriptionsByTopic('good')).toHaveLength(1);
});

it('counts nothing that was undone against the next message', async () => {
  refuse('mqtt_outgoing', "NEW.client_id = 'b'");
  const refused = Array.from({ length: queuedMessagesMax }, () => enqueue('a', 'b'));
  const taken = Array.from({ length: queuedMessagesMax }, () => enqueue('a'));
  for (const each of refused) await expect(each).rejects.toThrow('no space');
  await Promise.all(taken);
  expect(dropped).toEqual([]);
  expect(await queueOf('a')).toBe(queuedMessagesMax);
});

it('holds the identifier of a QoS 2 message whose release could not be written', async () => {
  const client = { id: 'other-3' };
  const release = { cmd: 'pubrel', messageId: 5 } as const;
  await kept.subscriptionsByClient(client);
  await kept.incomingStorePacket(client, { topic: 'q', payload: 'x', qos: 2, messageId: 5 });
  database.sqlite.exec(`CREATE TRIGGER refused BEFORE DELETE ON mqtt_incoming
    BEGIN SELECT RAISE(ABORT, 'no space'); END`);
  await expect(kept.incomingDelPacket(client, release)).rejects.toThrow('no space');
  await expect(kept.cleanIncoming(client)).rejects.toThrow('no space');
  await expect(kept.sessions.forgetPrincipal(idOf('other-3'))).rejects.toThrow('no space');
  expect(await kept.incomingGetPacket(client, release)).toEqual({ messageId: 5 });
  accept();
  // Asked for again it is released, and its identifier is free for another message.
  await kept.incomingDelPacket(client, release);
  await expect(kept.incomingGetPacket(client, release)).rejects.toThrow('no such message');
  expect(database.sqlite.prepare('SELECT * FROM mqtt_incoming').all()).toEqual([]);
});

it('holds no identifier of a clean session that has ended, though its end could not be written', async () => {
  const client = { id: 'other-4', clean: true };
  await kept.incomingStorePacket(client, { topic: 'q', payload: 'x', qos: 2, messageId: 5 });
  const cleaned = kept.cleanIncoming(client);
  const refused = database.submit(() => {
    database.sqlite.pragma('defer_foreign_keys = ON');
    database.sqlite.exec("INSERT INTO contact (principal_id) VALUES ('nobody')");
  });
  await expect(cleaned).rejects.toMatchObject({ code: 'store_failed' });
  await expect(refused).rejects.toMatchObject({ code: 'store_failed' });
  await expect(kept.incomingGetPacket(client, { cmd: 'pubrel', messageId: 5 })).rejects.toThrow('no such message');
});

it('knows of a will whose removal could not be written', async () => {
  const client = { id: 'other-5' };
  await kept.subscriptionsByClient(client);
  await kept.putWill(client, { topic: 'left', payload: 'x', qos: 0, retain: false });
  database.sqlite.exec(`CREATE TRIGGER refused BEFORE DELETE ON mqtt_will
    BEGIN SELECT RAISE(ABORT, 'no space'); END`);
  await expect(kept.delWill(client)).rejects.toThrow('no space');
  await expect(kept.sessions.forgetPrincipal(idOf('other-5'))).rejects.toThrow('no space');
  accept();
  expect(await kept.delWill(client)).toMatchObject({ topic: 'left' });
  expect(database.sqlite.prepare('SELECT * FROM mqtt_will').all()).toEqual([]);
});
