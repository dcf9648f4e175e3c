// QoS 2 messages that a session sends and never releases: how much of them is kept, and how many.
import type { TLSSocket } from 'node:tls';
import type { Packet } from 'mqtt-packet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectPacket, generate, packetsOf, until } from '../../broker/harness.ts';
import { type Inbox, principal, type SqliteTestBroker, startSqliteBroker, temporaryFolder } from '../mqtt/broker.ts';

let folder: ReturnType<typeof temporaryFolder>;
let broker: SqliteTestBroker;
let heard: Inbox;

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  await broker.close();
  folder.remove();
});

async function start(unreleasedMessagesMax: number): Promise<void> {
  broker = await startSqliteBroker(`${folder.path}/nolapse.db`, { unreleasedMessagesMax });
  heard = await broker.open('heard', { clean: true });
  await heard.client.subscribeAsync('t', { qos: 0 });
}

const kept = (): unknown[] =>
  broker.database.sqlite.prepare('SELECT message_id FROM mqtt_incoming ORDER BY message_id').pluck().all();

const publish = (messageId: number, more: object = {}): Buffer =>
  generate({
    cmd: 'publish',
    topic: 't',
    payload: `${messageId}`,
    qos: 2,
    messageId,
    dup: false,
    retain: false,
    ...more,
  });

interface Sender {
  readonly socket: TLSSocket;
  readonly packets: Packet[];
  /** Identifiers that came in acknowledgements of this kind. */
  ids(cmd: 'pubrec' | 'pubcomp'): (number | undefined)[];
}

async function connect(clean = false): Promise<Sender> {
  const socket = await broker.raw();
  const packets = packetsOf(socket);
  socket.write(connectPacket(`${principal}:sender`, { clean }));
  await until(() => packets.length === 1);
  return {
    socket,
    packets,
    ids: (cmd) => packets.filter((packet) => packet.cmd === cmd).map(({ messageId }) => messageId),
  };
}

const unanswered = (): unknown[] => broker.house.told('message.unanswered');

describe('QoS 2 messages that are never released', () => {
  it('take the room of their packet identifiers, however large they are', async () => {
    await start(1_000);
    const { sqlite } = broker.database;
    const bytes = (): number => Number(sqlite.pragma('page_count', { simple: true })) * 4_096;
    const sender = await connect();
    const before = bytes();
    for (let id = 1; id <= 64; id += 1) sender.socket.write(publish(id, { payload: Buffer.alloc(128 * 1024) }));
    await until(() => sender.ids('pubrec').length === 64);
    await heard.until((messages) => messages.length === 64);
    expect(kept()).toHaveLength(64);
    expect(bytes() - before).toBeLessThan(64 * 1024);
  });

  it.each([false, true])('are not answered beyond the limit, and not taken (clean %s)', async (clean) => {
    await start(5);
    const sender = await connect(clean);
    // In one go: the broker handles them side by side.
    sender.socket.write(Buffer.concat(Array.from({ length: 20 }, (_, index) => publish(index + 1))));
    await until(() => sender.ids('pubrec').length === 5);
    expect(unanswered()).toHaveLength(15);
    await heard.until((messages) => messages.length === 5);
    expect(kept()).toEqual(clean ? [] : [1, 2, 3, 4, 5]);
    sender.socket.write(generate({ cmd: 'pingreq' }));
    await until(() => sender.packets.some(({ cmd }) => cmd === 'pingresp'));
    expect(sender.ids('pubrec')).toEqual([1, 2, 3, 4, 5]);
    await heard.client.publishAsync('t', 'last', { qos: 1 });
    await heard.until((messages) => messages.length === 6);
    expect(heard.texts()).toEqual(['1', '2', '3', '4', '5', 'last']);
  });

  it('count for the session: coming back makes no room, releasing does, and a repeated one needs none', async () => {
    await start(3);
    const first = await connect();
    first.socket.write(Buffer.concat([publish(1), publish(2), publish(3)]));
    await until(() => first.ids('pubrec').length === 3);
    first.socket.destroy();
    await until(() => broker.house.broker.sessionCount === 1);

    const second = await connect();
    second.socket.write(publish(2, { dup: true }));
    await until(() => second.ids('pubrec').length === 1);
    second.socket.write(publish(4));
    await until(() => unanswered().length === 1);
    second.socket.destroy();

    await broker.close();
    await start(3);
    const third = await connect();
    third.socket.write(generate({ cmd: 'pubrel', messageId: 1 }));
    await until(() => third.ids('pubcomp').length === 1);
    third.socket.write(publish(4));
    await until(() => third.ids('pubrec').includes(4));
    expect(kept()).toEqual([2, 3, 4]);
    third.socket.write(publish(5));
    await until(() => unanswered().length === 1);
    await heard.client.publishAsync('t', 'last', { qos: 1 });
    await heard.until((messages) => messages.length === 2);
    expect(heard.texts()).toEqual(['4', 'last']);
  });
});
