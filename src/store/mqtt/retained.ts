// The last retained message of each topic, looked up by filter over the primary key (retained-walk.ts). Messages and bytes are limited, in all and for each principal; what finds no room is not retained, and
// neither is what it was to replace (MQTT 3.1.1, 3.3.1.3: the server may discard a retained message at any time).

import type { RetainedLimits } from '../../ports/mqtt-options.ts';
import type { Payload, PublishPacket } from '../../ports/mqtt-packets.ts';
import type { RetainedWalk } from '../../ports/mqtt-persistence.ts';
import type { Database } from '../sqlite/database.ts';
import type { Changed } from './changed.ts';
import { payloadBytes } from './packet.ts';
import { RetainedRoom } from './retained-room.ts';
import { RetainedRows, retainedSteps } from './retained-walk.ts';

interface Row {
  readonly topic: string;
  readonly fields: string;
  readonly payload: Payload;
}

export class MqttRetained {
  readonly #room: RetainedRoom;
  readonly #usage;
  readonly #about;
  readonly #get;
  readonly #steps;
  readonly #update;
  readonly #insert;
  readonly #delete;

  constructor({ sqlite }: Database, limits: RetainedLimits, changed: Changed) {
    this.#room = new RetainedRoom(limits, changed);
    this.#usage = sqlite.prepare<[], { readonly publisher: string; readonly messages: number; readonly bytes: number }>(
      `SELECT publisher, count(*) AS messages, sum(octet_length(topic) + octet_length(payload)) AS bytes
       FROM mqtt_retained GROUP BY publisher`,
    );
    this.#about = sqlite.prepare<[string], { readonly publisher: string; readonly bytes: number }>(
      'SELECT publisher, octet_length(topic) + octet_length(payload) AS bytes FROM mqtt_retained WHERE topic = ?',
    );
    this.#get = sqlite.prepare<[string], Row>('SELECT topic, fields, payload FROM mqtt_retained WHERE topic = ?');
    this.#steps = retainedSteps(sqlite);
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

  /** The topics of retained messages that the filter matches, page by page. */
  walk(filter: string): RetainedWalk {
    return new RetainedRows(this.#steps, filter);
  }

  get(topic: string): PublishPacket | undefined {
    const row = this.#get.get(topic);
    return row && packetOf(row);
  }
}

function packetOf({ topic, fields, payload }: Row): PublishPacket {
  return { ...(JSON.parse(fields) as Partial<PublishPacket>), topic, payload };
}
