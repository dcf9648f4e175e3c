// QoS 2 messages a client has sent and not yet released: their packet identifiers keep a repeated PUBLISH from being
// published twice. Those of clean sessions end with the connection and live in memory alone.
import type { Database } from './database.ts';
import { type Acknowledgement, type MqttClient, type Payload, type PublishPacket, settled } from './mqtt-packet.ts';

interface Row {
  readonly topic: string;
  readonly payload: Payload;
  readonly retain: number;
}

export class MqttIncoming {
  readonly #database: Database;
  /** By client and packet identifier: the commit that stores it, so that nobody is told of it earlier. */
  readonly #held = new Map<string, Map<number, Promise<void>>>();
  readonly #all;
  readonly #put;
  readonly #get;
  readonly #delete;
  readonly #deleteAll;

  constructor(database: Database) {
    const { sqlite } = database;
    this.#database = database;
    this.#all = sqlite.prepare<[], { readonly client_id: string; readonly message_id: number }>(
      'SELECT client_id, message_id FROM mqtt_incoming',
    );
    this.#put = sqlite.prepare<[string, number, string, Payload, number]>(
      'INSERT OR REPLACE INTO mqtt_incoming (client_id, message_id, topic, payload, retain) VALUES (?, ?, ?, ?, ?)',
    );
    this.#get = sqlite.prepare<[string, number], Row>(
      'SELECT topic, payload, retain FROM mqtt_incoming WHERE client_id = ? AND message_id = ?',
    );
    this.#delete = sqlite.prepare<[string, number]>('DELETE FROM mqtt_incoming WHERE client_id = ? AND message_id = ?');
    this.#deleteAll = sqlite.prepare<[string]>('DELETE FROM mqtt_incoming WHERE client_id = ?');
  }

  load(): void {
    for (const { client_id, message_id } of this.#all.all()) this.#ofClient(client_id).set(message_id, settled);
  }

  clientIds(): string[] {
    return [...this.#held.keys()];
  }

  has(clientId: string): boolean {
    return this.#held.has(clientId);
  }

  holds(clientId: string, messageId: number | undefined): boolean {
    return messageId !== undefined && this.#held.get(clientId)?.has(messageId) === true;
  }

  /**
   * Holds the packet once `stored` has resolved: the unit of work that calls `write`, and stores with it for whom the
   * message is.
   */
  hold(client: MqttClient, messageId: number, stored: Promise<void>): Promise<void> {
    const held = this.#ofClient(client.id);
    held.set(messageId, stored);
    return stored.catch((error: unknown) => {
      if (held.get(messageId) === stored) held.delete(messageId);
      throw error;
    });
  }

  /** Part of a unit of work. */
  write(clientId: string, messageId: number, packet: PublishPacket): void {
    this.#put.run(clientId, messageId, packet.topic, packet.payload, packet.retain ? 1 : 0);
  }

  /** @throws when the client has no such message, which is how aedes asks whether it is new. */
  async get(client: MqttClient, { messageId }: Acknowledgement): Promise<PublishPacket> {
    const held = messageId === undefined ? undefined : this.#held.get(client.id)?.get(messageId);
    if (messageId === undefined || !held) throw new Error('no such packet');
    await held;
    const row = client.clean ? undefined : this.#get.get(client.id, messageId);
    return {
      cmd: 'publish',
      topic: row?.topic ?? '',
      payload: row?.payload ?? '',
      qos: 2,
      dup: false,
      retain: row?.retain === 1,
      messageId,
    };
  }

  async delete(client: MqttClient, { messageId }: Acknowledgement): Promise<void> {
    const held = this.#held.get(client.id);
    if (messageId === undefined || !held?.delete(messageId)) throw new Error('no such packet');
    if (held.size === 0) this.#held.delete(client.id);
    if (!client.clean) await this.#database.submit(() => void this.#delete.run(client.id, messageId));
  }

  clear(clientId: string): Promise<void> {
    if (!this.#held.delete(clientId)) return settled;
    return this.#database.submit(() => this.discard(clientId));
  }

  /** Part of a unit of work: removes all that the client has. */
  discard(clientId: string): void {
    this.#held.delete(clientId);
    this.#deleteAll.run(clientId);
  }

  #ofClient(clientId: string): Map<number, Promise<void>> {
    let held = this.#held.get(clientId);
    if (!held) {
      held = new Map();
      this.#held.set(clientId, held);
    }
    return held;
  }
}
