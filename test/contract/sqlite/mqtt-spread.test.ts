// A message for many sessions that are away: it is written so many rows at a time, acknowledged when it is written for all, and written once
// for each, whatever happens in between.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { costs, unitsPerTurn } from '../../../src/domain/costs.ts';
import { createMqttPersistence } from '../../../src/store/mqtt/persistence.ts';
import { type Database, openDatabase } from '../../../src/store/sqlite/database.ts';
import { connectPacket, packetsOf, publishBytes, until } from '../../broker/harness.ts';
import { leaveSessions } from '../mqtt/away.ts';
import { principal, startSqliteBroker, temporaryFolder } from '../mqtt/broker.ts';

const sessions = 1_000;
/** Rows in one unit of work: their cost is that of a turn, and each costs this at least. */
const rowsMax = unitsPerTurn / costs.write;

let folder: ReturnType<typeof temporaryFolder>;
const file = (): string => `${folder.path}/nolapse.db`;

beforeEach(async () => {
  folder = temporaryFolder();
  // A session has each message once, whichever of its filters match.
  const filtersOf = (session: number): string[] => ['all/#', ...(session % 2 === 0 ? ['all/+'] : [])];
  await leaveSessions(file(), sessions, (session) => [...filtersOf(session), ...(session === 7 ? ['one'] : [])]);
});
afterEach(() => folder.remove());

const rowsOf = ({ sqlite }: Database, where = 'true'): number =>
  sqlite.prepare(`SELECT count(*) FROM mqtt_outgoing WHERE ${where}`).pluck().get() as number;

/** Rows that each unit of work changes from now on, and how often one fails. */
function watchUnits(database: Database): { readonly rows: number[]; failed: number } {
  const changes = database.sqlite.prepare('SELECT total_changes()').pluck();
  const submit = database.submit.bind(database);
  const seen = { rows: [] as number[], failed: 0 };
  Object.assign(database, {
    submit: (work: (unit: never) => unknown, lane: never) =>
      submit((unit) => {
        const before = changes.get() as number;
        seen.failed += 1;
        const result = work(unit as never);
        seen.failed -= 1;
        seen.rows.push((changes.get() as number) - before);
        return result;
      }, lane),
  });
  return seen;
}

it.each([1, 2] as const)('writes it in many small units, and acknowledges it after the last (QoS %i)', async (qos) => {
  const broker = await startSqliteBroker(file());
  const units = watchUnits(broker.database);
  const socket = await broker.raw();
  const packets = packetsOf(socket);
  const written: number[] = [];
  socket.on('data', () => written.push(rowsOf(broker.database)));
  socket.write(connectPacket(`${principal}:writer`));
  await until(() => packets.length === 1);
  socket.write(
    Buffer.concat([
      publishBytes('all/x', qos, Buffer.from('first'), 1),
      publishBytes('one', qos, Buffer.from('second'), 2),
    ]),
  );
  await until(() => packets.length === 3);
  expect(packets.slice(1).map(({ messageId }) => messageId)).toEqual([1, 2]);
  expect(written.slice(1).every((rows) => rows >= sessions)).toBe(true);
  expect(rowsOf(broker.database)).toBe(sessions + 1);
  // Two more: how far it got, and that a QoS 2 message was received.
  expect(Math.max(...units.rows)).toBeLessThanOrEqual(rowsMax + 2);
  expect(broker.database.sqlite.prepare('SELECT count(*) FROM mqtt_spread').pluck().get()).toBe(0);
  await broker.close();
});

it('writes fewer rows at a time of a large message', async () => {
  const broker = await startSqliteBroker(file());
  const units = watchUnits(broker.database);
  const writer = await broker.connect('writer');
  await writer.publishAsync('all/x', Buffer.alloc(65_536), { qos: 1 });
  expect(rowsOf(broker.database)).toBe(sessions);
  expect(Math.max(...units.rows) * 65_536 * (costs.kilobyte / 1_024)).toBeLessThanOrEqual(2 * unitsPerTurn + 1_024);
  await broker.close();
});

it('sends sessions that come meanwhile each message once, in order', async () => {
  const broker = await startSqliteBroker(file());
  const names = Array.from({ length: 8 }, (_, index) => `reader${index}`);
  for (const name of names) {
    const { client } = await broker.open(name);
    await client.subscribeAsync('#', { qos: 2 });
    await client.endAsync();
  }
  const writer = await broker.connect('writer');
  const numbers = Array.from({ length: 24 }, (_, index) => index);
  const all = numbers.map((number) =>
    writer.publishAsync(number % 3 === 0 ? 'all/x' : 'other', `${number}`, { qos: 2 }),
  );
  const readers = [];
  for (const [index, name] of names.entries()) {
    await all[index * 3];
    readers.push(await broker.open(name));
  }
  await Promise.all(all);
  for (const reader of readers) {
    await reader.until((messages) => messages.length >= numbers.length);
    expect(reader.texts()).toEqual(numbers.map(String));
  }
  await broker.close();
});

it('writes the wills of many sessions that end at once so', async () => {
  const broker = await startSqliteBroker(file());
  const sockets = await Promise.all(Array.from({ length: 10 }, () => broker.raw()));
  const answers = sockets.map((socket) => packetsOf(socket));
  for (const [index, socket] of sockets.entries()) {
    const will = { topic: 'all/will', payload: Buffer.from(`${index}`), qos: 1 as const, retain: false };
    socket.write(connectPacket(`${principal}:${index}`, { will }));
  }
  await until(() => answers.every((packets) => packets.length === 1));
  const units = watchUnits(broker.database);
  for (const socket of sockets) socket.destroy();
  await until(() => rowsOf(broker.database) === sockets.length * sessions, 30_000);
  expect(Math.max(...units.rows)).toBeLessThanOrEqual(rowsMax + 2);
  await broker.close();
});

it('writes what its publisher sends next behind it', async () => {
  const database = openDatabase(file());
  const waiting: (() => void)[] = [];
  let isOpen = false;
  const finish = async (): Promise<void> => {
    if (!isOpen) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const persistence = createMqttPersistence(database, {
    queuedMessagesMax: 10_000,
    queuedBytesMax: 10_000_000,
    onDropped: () => expect.unreachable(),
    allowanceOf: () => ({ spend: () => undefined, turn: finish, finish }),
  });
  await persistence.setup({ id: 'b', counter: 0, mq: { emit: () => undefined }, emit: () => undefined });
  const send = (topic: string) =>
    persistence.storeAhead({ cmd: 'publish', topic, payload: topic, qos: 1 }, { id: 'writer', clean: true });
  const both = [send('all/x'), send('one')];
  await until(() => waiting.length > 0);
  waiting.shift()?.();
  await until(() => waiting.length > 0);
  expect(rowsOf(database)).toBeGreaterThan(0);
  expect(rowsOf(database, `topic = 'one'`)).toBe(0);
  isOpen = true;
  waiting.shift()?.();
  await Promise.all(both);
  expect(rowsOf(database)).toBe(sessions + 1);
  await database.close();
});

it('goes on after a crash where it was, and writes nothing twice', async () => {
  let database = openDatabase(file());
  const options = { queuedMessagesMax: 10_000, queuedBytesMax: 10_000_000, onDropped: () => expect.unreachable() };
  const aedes = (id: string) => ({ id, counter: 0, mq: { emit: () => undefined }, emit: () => undefined });
  const client = { id: 'writer', clean: false };
  let pages = 0;
  const finish = async (): Promise<void> => {
    pages += 1;
    if (pages > 3) await database.close();
  };
  const allowance = { spend: () => undefined, turn: finish, finish };
  const first = createMqttPersistence(database, { ...options, allowanceOf: () => allowance });
  await first.setup(aedes('first'));
  const packet = { cmd: 'publish' as const, topic: 'all/x', payload: Buffer.from('x'), qos: 2 as const, messageId: 9 };
  const stored = first.incomingStorePacket(client, packet);
  await expect(stored).rejects.toThrow('closed');
  database = openDatabase(file());
  const before = rowsOf(database);
  expect(before).toBeGreaterThan(0);
  expect(before).toBeLessThan(sessions);
  // One has it already, and is not to have it again.
  database.sqlite.prepare(`DELETE FROM mqtt_outgoing WHERE client_id = 'away-0'`).run();
  const second = createMqttPersistence(database, options);
  await second.setup(aedes('second'));
  expect(rowsOf(database)).toBe(sessions - 1);
  expect(rowsOf(database, `payload = x'78' AND qos = 2`)).toBe(sessions - 1);
  expect(await second.incomingGetPacket(client, { ...packet, dup: true })).toEqual({ messageId: 9 });
  expect(database.sqlite.prepare('SELECT count(*) FROM mqtt_spread').pluck().get()).toBe(0);
  await database.close();
});

it('tries again what the store refused in the middle, and is acknowledged once', async () => {
  const broker = await startSqliteBroker(file());
  broker.database.sqlite.exec(
    `CREATE TEMP TRIGGER full BEFORE INSERT ON mqtt_outgoing WHEN NEW.client_id >= 'away-5'
     BEGIN SELECT raise(ABORT, 'no room'); END`,
  );
  const tries = watchUnits(broker.database);
  const writer = await broker.connect('writer');
  let isAcknowledged = false;
  const sent = writer.publishAsync('all/x', 'x', { qos: 2 }).then(() => {
    isAcknowledged = true;
  });
  await until(() => tries.failed > 1);
  expect(isAcknowledged).toBe(false);
  expect(rowsOf(broker.database, `client_id >= 'away-5'`)).toBe(0);
  broker.database.sqlite.exec('DROP TRIGGER full');
  await sent;
  expect(rowsOf(broker.database)).toBe(sessions);
  await broker.close();
});
