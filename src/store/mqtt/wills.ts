// The wills of live sessions, kept so that they are published when the process dies in place of the client: aedes streams
// those of brokers that no longer beat, and publishes them.

import type { MqttClient, Payload, PublishPacket, Qos } from '../../ports/mqtt-packets.ts';
import type { Will } from '../../ports/mqtt-persistence.ts';
import type { Database } from '../sqlite/database.ts';
import type { Changed } from './changed.ts';

interface Row {
  readonly client_id: string;
  readonly broker_id: string;
  readonly topic: string;
  readonly payload: Payload;
  readonly qos: Qos;
  readonly retain: number;
}

const rowsPerPage = 64;
const columns = 'client_id, broker_id, topic, payload, qos, retain';

export class MqttWills {
  readonly #database: Database;
  /** By client, the broker that took the will: a connect without one stored costs no SQL. */
  readonly #brokers = new Map<string, string>();
  readonly #all;
  readonly #put;
  readonly #get;
  readonly #page;
  readonly #delete;
  readonly #changed: Changed;

  constructor(database: Database, changed: Changed) {
    const { sqlite } = database;
    this.#changed = changed;
    this.#database = database;
    this.#all = sqlite.prepare<[], Pick<Row, 'client_id' | 'broker_id'>>('SELECT client_id, broker_id FROM mqtt_will');
    this.#put = sqlite.prepare<[string, string, string, Payload, number, number]>(
      `INSERT OR REPLACE INTO mqtt_will (${columns}) VALUES (?, ?, ?, ?, ?, ?)`,
    );
    this.#get = sqlite.prepare<[string], Row>(`SELECT ${columns} FROM mqtt_will WHERE client_id = ?`);
    this.#page = sqlite.prepare<[string, number], Row>(
      `SELECT ${columns} FROM mqtt_will WHERE client_id > ? ORDER BY client_id LIMIT ? + 0`,
    );
    this.#delete = sqlite.prepare<[string], Row>(`DELETE FROM mqtt_will WHERE client_id = ? RETURNING ${columns}`);
  }

  load(): void {
    for (const { client_id, broker_id } of this.#all.all()) this.#brokers.set(client_id, broker_id);
  }

  has(clientId: string): boolean {
    return this.#brokers.has(clientId);
  }

  clientIds(): string[] {
    return [...this.#brokers.keys()];
  }

  /** aedes expects its packet to be marked with the broker and the client. */
  async put(client: MqttClient, will: PublishPacket, brokerId: string): Promise<void> {
    will.brokerId = brokerId;
    will.clientId = client.id;
    const { topic, payload, qos = 0, retain = false } = will;
    this.#brokers.set(client.id, brokerId);
    await this.#database.submit(() => void this.#put.run(client.id, brokerId, topic, payload, qos, retain ? 1 : 0));
  }

  async get(client: MqttClient): Promise<Will | undefined> {
    if (!this.#brokers.has(client.id)) return undefined;
    const row = await this.#database.submit(() => this.#get.get(client.id));
    return row && willOf(row);
  }

  /** Removes the will, unless `brokerId` is given and another broker's will has taken its place since. */
  async delete(client: MqttClient & { readonly brokerId?: string | undefined }): Promise<Will | undefined> {
    const brokerId = this.#brokers.get(client.id);
    if (brokerId === undefined || (client.brokerId !== undefined && client.brokerId !== brokerId)) return undefined;
    this.#brokers.delete(client.id);
    const again = () => this.#knowAgain(client.id, brokerId);
    const row = await this.#database.submit(() => this.#delete.get(client.id), 'messages', again);
    return row && willOf(row);
  }

  /** Part of a unit of work. */
  discard(clientId: string): void {
    const brokerId = this.#brokers.get(clientId);
    if (brokerId === undefined) return;
    this.#changed.undo(() => this.#knowAgain(clientId, brokerId));
    this.#brokers.delete(clientId);
    this.#delete.get(clientId);
  }

  /** It is stored still: to forget it would leave it there for the next start to publish. */
  #knowAgain(clientId: string, brokerId: string): void {
    if (!this.#brokers.has(clientId)) this.#brokers.set(clientId, brokerId);
  }

  /** The wills of brokers that are not in `alive`. */
  *ofDead(alive: Readonly<Record<string, unknown>>): Generator<Will> {
    let after: string | undefined = '';
    while (after !== undefined) {
      const rows: Row[] = this.#page.all(after, rowsPerPage);
      for (const row of rows) {
        if (!alive[row.broker_id]) yield willOf(row);
      }
      after = rows[rowsPerPage - 1]?.client_id;
    }
  }
}

function willOf(row: Row): Will {
  return {
    clientId: row.client_id,
    brokerId: row.broker_id,
    topic: row.topic,
    payload: row.payload,
    qos: row.qos,
    retain: row.retain === 1,
  };
}
