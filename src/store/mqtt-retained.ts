// The last retained message of each topic, looked up by filter over the primary key: the literal beginning of the filter
// bounds what is read. The number of topics is limited; at the limit a message on a new topic is not retained.
import { Readable } from 'node:stream';
import { GatewayError } from '../domain/errors.ts';
import { matches } from '../domain/topics.ts';
import type { Database } from './database.ts';
import { type Payload, type PublishPacket, payloadBytes } from './mqtt-packet.ts';

interface Row {
  readonly topic: string;
  readonly fields: string;
  readonly payload: Payload;
}

const rowsPerPage = 64;
/** Sorts after everything that may follow a prefix, in UTF-8 as in SQLite's binary collation. */
const afterAll = '\u{10FFFF}';

export class MqttRetained {
  readonly #topicsMax: number;
  #count = 0;
  readonly #total;
  readonly #get;
  readonly #page;
  readonly #update;
  readonly #insert;
  readonly #delete;

  constructor({ sqlite }: Database, topicsMax: number) {
    this.#topicsMax = topicsMax;
    this.#total = sqlite.prepare<[], { readonly count: number }>('SELECT count(*) AS count FROM mqtt_retained');
    this.#get = sqlite.prepare<[string], Row>('SELECT topic, fields, payload FROM mqtt_retained WHERE topic = ?');
    this.#page = sqlite.prepare<[string, string, string, number], Row>(
      `SELECT topic, fields, payload FROM mqtt_retained WHERE topic >= ? AND topic > ? AND topic < ?
       ORDER BY topic LIMIT ?`,
    );
    this.#update = sqlite.prepare<[string, Payload, string]>(
      'UPDATE mqtt_retained SET fields = ?, payload = ? WHERE topic = ?',
    );
    this.#insert = sqlite.prepare<[string, string, Payload]>(
      'INSERT INTO mqtt_retained (topic, fields, payload) VALUES (?, ?, ?)',
    );
    this.#delete = sqlite.prepare<[string]>('DELETE FROM mqtt_retained WHERE topic = ?');
  }

  load(): void {
    this.#count = this.#total.get()?.count ?? 0;
  }

  /** Part of a unit of work: an empty payload removes the topic's message [MQTT-3.3.1-10]. False: there is no room. */
  put(packet: PublishPacket): boolean {
    const { topic, payload, brokerId, brokerCounter, messageId, clientId, dup, length, ...fields } = packet;
    if (payloadBytes(payload) === 0) {
      this.#count -= this.#delete.run(topic).changes;
      return true;
    }
    const encoded = JSON.stringify(fields);
    if (this.#update.run(encoded, payload, topic).changes > 0) return true;
    if (this.#count >= this.#topicsMax) return false;
    this.#insert.run(topic, encoded, payload);
    this.#count += 1;
    return true;
  }

  /** `failed` is told when they cannot be read: aedes listens for no error, and one that nobody hears ends the process. */
  stream(filters: readonly string[], failed: (error: GatewayError) => void): Readable {
    const stream = Readable.from(this.#matching(filters));
    stream.on('error', (cause) => {
      failed(new GatewayError('store_failed', `retained messages could not be read: ${cause.message}`, cause));
    });
    return stream;
  }

  *#matching(filters: readonly string[]): Generator<PublishPacket> {
    for (const filter of filters) {
      if (this.#count === 0) return;
      if (/[+#]/.test(filter)) yield* this.#walk(filter);
      else {
        const row = this.#get.get(filter);
        if (row) yield packetOf(row);
      }
    }
  }

  *#walk(filter: string): Generator<PublishPacket> {
    // Without its last slash, because `a/#` matches `a` too [MQTT-4.7.1-2].
    const prefix = filter.slice(0, filter.search(/[+#]/)).replace(/\/$/, '');
    let after: string | undefined = '';
    while (after !== undefined) {
      const rows: Row[] = this.#page.all(prefix, after, prefix + afterAll, rowsPerPage);
      for (const row of rows) {
        if (matches(filter, row.topic)) yield packetOf(row);
      }
      after = rows[rowsPerPage - 1]?.topic;
    }
  }
}

function packetOf({ topic, fields, payload }: Row): PublishPacket {
  return { ...(JSON.parse(fields) as Partial<PublishPacket>), topic, payload };
}
