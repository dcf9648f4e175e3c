// The last retained message of each topic, looked up by filter over the primary key: the literal beginning of the filter
// bounds what is read. Messages and bytes are limited, in all and for each principal; what finds no room is not retained, and
// neither is what it was to replace (MQTT 3.1.1, 3.3.1.3: the server may discard a retained message at any time).
import { setImmediate as nextTurn } from 'node:timers/promises';
import { matches } from '../domain/topics.ts';
import type { Database } from './database.ts';
import type { RetainedLimits } from './mqtt-options.ts';
import { type Payload, type PublishPacket, payloadBytes } from './mqtt-packet.ts';
import { RetainedRoom } from './mqtt-retained-room.ts';

interface Row {
  readonly topic: string;
  readonly fields: string;
  readonly payload: Payload;
}

const rowsPerPage = 64;
/** Sorts after everything that may follow a prefix, in UTF-8 as in SQLite's binary collation. */
const afterAll = '\u{10FFFF}';

export class MqttRetained {
  readonly #room: RetainedRoom;
  readonly #usage;
  readonly #about;
  readonly #get;
  readonly #page;
  readonly #update;
  readonly #insert;
  readonly #delete;

  constructor({ sqlite }: Database, limits: RetainedLimits) {
    this.#room = new RetainedRoom(limits);
    this.#usage = sqlite.prepare<[], { readonly publisher: string; readonly messages: number; readonly bytes: number }>(
      `SELECT publisher, count(*) AS messages, sum(octet_length(topic) + octet_length(payload)) AS bytes
       FROM mqtt_retained GROUP BY publisher`,
    );
    this.#about = sqlite.prepare<[string], { readonly publisher: string; readonly bytes: number }>(
      'SELECT publisher, octet_length(topic) + octet_length(payload) AS bytes FROM mqtt_retained WHERE topic = ?',
    );
    this.#get = sqlite.prepare<[string], Row>('SELECT topic, fields, payload FROM mqtt_retained WHERE topic = ?');
    this.#page = sqlite.prepare<[string, string, string, number], Row>(
      `SELECT topic, fields, payload FROM mqtt_retained WHERE topic >= ? AND topic > ? AND topic < ?
       ORDER BY topic LIMIT ?`,
    );
    this.#update = sqlite.prepare<[string, Payload, string, string]>(
      'UPDATE mqtt_retained SET fields = ?, payload = ?, publisher = ? WHERE topic = ?',
    );
    this.#insert = sqlite.prepare<[string, Payload, string, string]>(
      'INSERT INTO mqtt_retained (fields, payload, publisher, topic) VALUES (?, ?, ?, ?)',
    );
    this.#delete = sqlite.prepare<[string]>('DELETE FROM mqtt_retained WHERE topic = ?');
  }

  load(): void {
    this.#room.clear();
    for (const { publisher, ...usage } of this.#usage.all()) this.#room.take(publisher, usage);
  }

  /**
   * Part of a unit of work: an empty payload removes the topic's message [MQTT-3.3.1-10]. False: there is no room.
   * @param publisher the principal that published it; empty where nobody knows.
   */
  put(packet: PublishPacket, publisher: string): boolean {
    const { topic, payload, brokerId, brokerCounter, messageId, clientId, dup, length, ...fields } = packet;
    const before = this.#about.get(topic);
    if (before) this.#room.give(before.publisher, before.bytes);
    const bytes = Buffer.byteLength(topic) + payloadBytes(payload);
    const isEmpty = payloadBytes(payload) === 0;
    if (isEmpty || !this.#room.has(publisher, bytes)) {
      if (before) this.#delete.run(topic);
      return isEmpty;
    }
    (before ? this.#update : this.#insert).run(JSON.stringify(fields), payload, publisher, topic);
    this.#room.take(publisher, { messages: 1, bytes });
    return true;
  }

  /** Reads a page at a time, and lets others have a turn in between. Throws when they cannot be read. */
  async *matching(filters: readonly string[]): AsyncGenerator<PublishPacket> {
    for (const filter of filters) {
      if (this.#room.messages === 0) return;
      if (/[+#]/.test(filter)) yield* this.#walk(filter);
      else {
        const row = this.#get.get(filter);
        if (row) yield packetOf(row);
      }
    }
  }

  async *#walk(filter: string): AsyncGenerator<PublishPacket> {
    // Without its last slash, because `a/#` matches `a` too [MQTT-4.7.1-2].
    const prefix = filter.slice(0, filter.search(/[+#]/)).replace(/\/$/, '');
    let after: string | undefined = '';
    while (after !== undefined) {
      const rows: Row[] = this.#page.all(prefix, after, prefix + afterAll, rowsPerPage);
      for (const row of rows) {
        if (matches(filter, row.topic)) yield packetOf(row);
      }
      after = rows[rowsPerPage - 1]?.topic;
      if (after !== undefined) await nextTurn();
    }
  }
}

function packetOf({ topic, fields, payload }: Row): PublishPacket {
  return { ...(JSON.parse(fields) as Partial<PublishPacket>), topic, payload };
}
