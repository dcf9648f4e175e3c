// Rows of messages that are being written into many queues: for each the message, and the session up to which it is written.

import type { Payload, PublishPacket, Qos } from '../../ports/mqtt-packets.ts';
import type { Database } from '../sqlite/database.ts';
import type { Position } from './outgoing.ts';

interface Row extends Position {
  readonly publisher: string;
  readonly topic: string;
  readonly payload: Payload;
  readonly qos: Qos;
  readonly after_client: string;
}

export interface HalfSpread {
  readonly packet: PublishPacket;
  readonly place: Position;
  /** It is written for all sessions up to this name. */
  readonly after: string;
}

export class MqttSpreadRows {
  readonly #all;
  readonly #put;
  readonly #delete;

  constructor({ sqlite }: Database) {
    this.#all = sqlite.prepare<[], Row>(
      'SELECT boot, counter, publisher, topic, payload, qos, after_client FROM mqtt_spread ORDER BY boot, counter',
    );
    this.#put = sqlite.prepare<[number, number, string, string, Payload, number, string]>(
      `INSERT INTO mqtt_spread (boot, counter, publisher, topic, payload, qos, after_client) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (boot, counter) DO UPDATE SET after_client = excluded.after_client`,
    );
    this.#delete = sqlite.prepare<[number, number]>('DELETE FROM mqtt_spread WHERE boot = ? AND counter = ?');
  }

  all(): HalfSpread[] {
    return this.#all.all().map(({ boot, counter, publisher, topic, payload, qos, after_client }) => ({
      packet: { topic, payload, qos, clientId: publisher },
      place: { boot, counter },
      after: after_client,
    }));
  }

  /** Part of a unit of work. */
  put({ boot, counter }: Position, { topic, payload, qos = 0, clientId = '' }: PublishPacket, after: string): void {
    this.#put.run(boot, counter, clientId, topic, payload, qos, after);
  }

  /** Part of a unit of work. */
  delete({ boot, counter }: Position): void {
    this.#delete.run(boot, counter);
  }
}
