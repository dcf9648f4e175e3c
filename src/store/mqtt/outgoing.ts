// The queues of sessions that outlive their connection: messages above QoS 0 until the client has acknowledged them. Each
// queue has a limit in messages and in bytes; at the limit the newest message is dropped, and the caller is told of it.

import type { Payload, PublishPacket, PubrelPacket, Qos } from '../../ports/mqtt-packets.ts';
import type { QueuedPacket, Recipient } from '../../ports/mqtt-persistence.ts';
import type { Database } from '../sqlite/database.ts';
import type { Changed } from './changed.ts';
import { messageBytes } from './packet.ts';

export interface QueueLimits {
  readonly messagesMax: number;
  readonly bytesMax: number;
}

/** A place in a queue, in the order in which it is sent: the broker's start, and the message's number since. */
export interface Position {
  readonly boot: number;
  readonly counter: number;
}

export interface QueuedRow extends Position {
  readonly packet: QueuedPacket | PubrelPacket;
}

interface Row extends Position {
  readonly message_id: number | null;
  readonly released: number;
  readonly topic: string;
  readonly payload: Payload;
  readonly qos: Qos;
  readonly bytes: number;
}

interface Usage {
  messages: number;
  bytes: number;
}

const rowsPerPage = 64;
const messageIdMax = 65_535;
const columns = 'boot, counter, message_id, released, topic, payload, qos, bytes';

export class MqttOutgoing {
  readonly #limits: QueueLimits;
  readonly #usage = new Map<string, Usage>();
  readonly #brokerIds = new Map<number, string>();
  readonly #boots = new Map<string, number>();
  readonly #statements;
  readonly #changed: Changed;
  #boot = 0;

  constructor(database: Database, limits: QueueLimits, changed: Changed) {
    this.#limits = limits;
    this.#changed = changed;
    this.#statements = prepare(database);
  }

  /** Part of a unit of work: begins this start's numbering, and forgets the starts of which nothing is queued any more. */
  begin(brokerId: string): void {
    this.#statements.pruneBoots.run();
    this.#boot = Number(this.#statements.addBoot.run(brokerId).lastInsertRowid);
    for (const { boot, broker_id } of this.#statements.boots.all()) {
      this.#brokerIds.set(boot, broker_id);
      this.#boots.set(broker_id, boot);
    }
    this.load();
  }

  /** This start. */
  get boot(): number {
    return this.#boot;
  }

  load(): void {
    this.#usage.clear();
    for (const { client_id, messages, bytes } of this.#statements.usage.all()) {
      this.#usage.set(client_id, { messages, bytes });
    }
  }

  /** Reads anew how long the client's queue is. */
  reread(clientId: string): void {
    const { messages, bytes } = this.#statements.usageOf.get(clientId) ?? { messages: 0, bytes: 0 };
    if (messages > 0) this.#usage.set(clientId, { messages, bytes });
    else this.#usage.delete(clientId);
  }

  has(clientId: string): boolean {
    return this.#usage.has(clientId);
  }

  clientIds(): string[] {
    return [...this.#usage.keys()];
  }

  /** What is to be written, as a unit of work, of a packet that goes out to this client; null: nothing. */
  noteOf(clientId: string, packet: PublishPacket | PubrelPacket): (() => void) | null {
    const { messageId } = packet;
    if (messageId === undefined || !this.has(clientId)) return null;
    if (packet.cmd === 'pubrel') return () => this.release(clientId, messageId);
    const { brokerId, brokerCounter: counter } = packet;
    const boot = this.bootOf(brokerId);
    if (boot === undefined || counter === undefined || this.isAssigned(clientId, boot, counter, messageId)) return null;
    return () => this.assign(clientId, boot, counter, packet);
  }

  /** Part of a unit of work: queues the packet once for each recipient. Returns the client ids whose queue is full. */
  enqueue(recipients: readonly Recipient[], packet: PublishPacket, { boot, counter }: Position): string[] {
    const { topic, payload } = packet;
    const bytes = messageBytes(packet);
    const full: string[] = [];
    for (const [clientId, qos] of grantedTo(recipients, packet.qos ?? 0)) {
      const usage = this.#usage.get(clientId) ?? { messages: 0, bytes: 0 };
      if (usage.messages >= this.#limits.messagesMax || usage.bytes + bytes > this.#limits.bytesMax) {
        full.push(clientId);
        continue;
      }
      const { changes } = this.#statements.insert.run(clientId, boot, counter, topic, payload, qos, bytes);
      if (changes > 0) this.#account(clientId, usage, 1, bytes);
    }
    return full;
  }

  /** The row's number of start, when the packet can be in a queue at all. */
  bootOf(brokerId: string | undefined): number | undefined {
    return brokerId === undefined ? undefined : this.#boots.get(brokerId);
  }

  /** Does the client's queue hold this message of this start? */
  holds(clientId: string, counter: number): boolean {
    return this.has(clientId) && this.#statements.get.get(clientId, this.#boot, counter) !== undefined;
  }

  /** Does this message of this start come no later than the position? */
  isBehind({ boot, counter: last }: Position, counter: number): boolean {
    return boot === this.#boot && counter <= last;
  }

  /** Is the message noted under this packet identifier already? */
  isAssigned(clientId: string, boot: number, counter: number, messageId: number): boolean {
    const holder = this.#statements.holder.get(clientId, messageId);
    return holder?.boot === boot && holder.counter === counter;
  }

  /**
   * Part of a unit of work: notes the packet identifier under which the message is about to be sent. When a message of the
   * queue has that identifier already, `packet` is given a free one, whether it is in the queue or not.
   */
  assign(clientId: string, boot: number, counter: number, packet: { messageId?: number | undefined }): void {
    let messageId = packet.messageId;
    if (messageId === undefined) return;
    if (this.isAssigned(clientId, boot, counter, messageId)) return;
    while (this.#statements.holder.get(clientId, messageId)) messageId = (messageId % messageIdMax) + 1;
    this.#statements.assign.run(messageId, clientId, boot, counter);
    packet.messageId = messageId;
  }

  /** Part of a unit of work: the client has the QoS 2 message; PUBREL is owed, its payload is not. */
  release(clientId: string, messageId: number): void {
    this.#statements.release.run(clientId, messageId);
  }

  /** Part of a unit of work: the message is done with. */
  clear(clientId: string, messageId: number): QueuedPacket | PubrelPacket | undefined {
    const row = this.#statements.clear.get(clientId, messageId);
    const usage = this.#usage.get(clientId);
    if (!row || !usage) return undefined;
    this.#account(clientId, usage, -1, -row.bytes);
    return this.#packetOf(row);
  }

  /** Part of a unit of work: removes the message at this place, if its client does not have it. @returns its topic and size. */
  drop(clientId: string, { boot, counter }: Position): { readonly topic: string; readonly bytes: number } | undefined {
    const row = this.#statements.drop.get(clientId, boot, counter);
    const usage = this.#usage.get(clientId);
    if (row && usage) this.#account(clientId, usage, -1, -row.bytes);
    return row;
  }

  /** Part of a unit of work: removes the whole queue. */
  discard(clientId: string): void {
    this.#changed.client(clientId);
    if (this.#usage.delete(clientId)) this.#statements.discard.run(clientId);
  }

  /** The next of the queue after this position; none: that was all. */
  page(clientId: string, { boot, counter }: Position): QueuedRow[] {
    const rows = this.#statements.page.all(clientId, boot, counter, rowsPerPage);
    return rows.map((row) => ({ boot: row.boot, counter: row.counter, packet: this.#packetOf(row) }));
  }

  /** The whole queue, oldest first. */
  *walk(clientId: string): Generator<QueuedPacket | PubrelPacket> {
    let page = this.page(clientId, { boot: 0, counter: 0 });
    for (let last = page.at(-1); last; last = page.at(-1)) {
      for (const { packet } of page) yield packet;
      page = this.page(clientId, last);
    }
  }

  #account(clientId: string, usage: Usage, messages: number, bytes: number): void {
    this.#changed.client(clientId);
    usage.messages += messages;
    usage.bytes += bytes;
    if (usage.messages > 0) this.#usage.set(clientId, usage);
    else this.#usage.delete(clientId);
  }

  /** RETAIN is for what a new subscription is sent [MQTT-3.3.1-9], DUP is never the publisher's [MQTT-3.3.1-3]. */
  #packetOf(row: Row): QueuedPacket | PubrelPacket {
    if (row.released === 1) return { cmd: 'pubrel', messageId: row.message_id ?? undefined };
    return {
      cmd: 'publish',
      brokerId: this.#brokerIds.get(row.boot) ?? '',
      brokerCounter: row.counter,
      topic: row.topic,
      payload: row.payload,
      qos: row.qos,
      retain: false,
      dup: false,
      messageId: row.message_id ?? undefined,
    };
  }
}

/** The QoS of delivery is the lower of the message's and the highest its subscriptions grant [MQTT-3.8.4-6]. */
function grantedTo(recipients: readonly Recipient[], published: Qos): Map<string, Qos> {
  const granted = new Map<string, Qos>();
  for (const { clientId, qos = published } of recipients) {
    const least = qos < published ? qos : published;
    if (least > (granted.get(clientId) ?? 0)) granted.set(clientId, least);
  }
  return granted;
}

function prepare({ sqlite }: Database) {
  return {
    pruneBoots: sqlite.prepare<[]>(
      `DELETE FROM mqtt_boot WHERE NOT EXISTS (SELECT 1 FROM mqtt_outgoing AS o WHERE o.boot = mqtt_boot.boot)
       AND NOT EXISTS (SELECT 1 FROM mqtt_spread AS s WHERE s.boot = mqtt_boot.boot)`,
    ),
    addBoot: sqlite.prepare<[string]>('INSERT INTO mqtt_boot (broker_id) VALUES (?)'),
    boots: sqlite.prepare<[], { readonly boot: number; readonly broker_id: string }>(
      'SELECT boot, broker_id FROM mqtt_boot',
    ),
    usage: sqlite.prepare<[], Usage & { readonly client_id: string }>(
      'SELECT client_id, count(*) AS messages, sum(bytes) AS bytes FROM mqtt_outgoing GROUP BY client_id',
    ),
    usageOf: sqlite.prepare<[string], Usage>(
      'SELECT count(*) AS messages, coalesce(sum(bytes), 0) AS bytes FROM mqtt_outgoing WHERE client_id = ?',
    ),
    insert: sqlite.prepare<[string, number, number, string, Payload, number, number]>(
      `INSERT OR IGNORE INTO mqtt_outgoing (client_id, boot, counter, topic, payload, qos, bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ),
    holder: sqlite.prepare<[string, number], Pick<Row, 'boot' | 'counter'>>(
      'SELECT boot, counter FROM mqtt_outgoing WHERE client_id = ? AND message_id = ?',
    ),
    assign: sqlite.prepare<[number, string, number, number]>(
      'UPDATE mqtt_outgoing SET message_id = ? WHERE client_id = ? AND boot = ? AND counter = ?',
    ),
    release: sqlite.prepare<[string, number]>(
      `UPDATE mqtt_outgoing SET released = 1, topic = '', payload = '' WHERE client_id = ? AND message_id = ?`,
    ),
    clear: sqlite.prepare<[string, number], Row>(
      `DELETE FROM mqtt_outgoing WHERE client_id = ? AND message_id = ? RETURNING ${columns}`,
    ),
    drop: sqlite.prepare<[string, number, number], Pick<Row, 'topic' | 'bytes'>>(
      `DELETE FROM mqtt_outgoing WHERE client_id = ? AND boot = ? AND counter = ? AND released = 0
       RETURNING topic, bytes`,
    ),
    discard: sqlite.prepare<[string]>('DELETE FROM mqtt_outgoing WHERE client_id = ?'),
    get: sqlite.prepare<[string, number, number], { readonly found: 1 }>(
      'SELECT 1 AS found FROM mqtt_outgoing WHERE client_id = ? AND boot = ? AND counter = ?',
    ),
    page: sqlite.prepare<[string, number, number, number], Row>(
      `SELECT ${columns} FROM mqtt_outgoing WHERE client_id = ? AND (boot, counter) > (?, ?)
       ORDER BY boot, counter LIMIT ? + 0`,
    ),
  };
}
