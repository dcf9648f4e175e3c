// QoS 2 messages a client has sent and not yet released: their packet identifiers keep a repeated PUBLISH from being
// published twice. Nothing else of them is kept, because a message is handed on as it arrives (MQTT 3.1.1, 4.3.3, method B):
// how large it was is nobody's burden after that. Those of clean sessions end with the connection and live in memory alone.
import { NolapseError } from '../../domain/errors.ts';
import type { Acknowledgement, MqttClient } from '../../ports/mqtt-packets.ts';
import type { Database } from '../sqlite/database.ts';
import type { Changed } from './changed.ts';
import { settled } from './packet.ts';

/** One for all: aedes only asks whether there is such a message, with each PUBREL, and a stack trace costs more than the rest. */
const noSuchMessage = new NolapseError('mqtt_packet', 'no such message');

export class MqttIncoming {
  readonly #database: Database;
  /** By client and packet identifier: the commit that stores it, so that nobody is told of it earlier. */
  readonly #held = new Map<string, Map<number, Promise<void>>>();
  readonly #perClientMax: number;
  /** By connection: packet identifiers that were granted room and are not held yet. */
  readonly #granted = new WeakMap<MqttClient, Set<number>>();
  readonly #all;
  readonly #put;
  readonly #get;
  readonly #delete;
  readonly #deleteAll;
  readonly #changed: Changed;

  /** A session may have so many messages unreleased, whether or not it came back meanwhile. */
  constructor(database: Database, perClientMax: number, changed: Changed) {
    const { sqlite } = database;
    this.#changed = changed;
    this.#database = database;
    this.#perClientMax = perClientMax;
    this.#all = sqlite.prepare<[], { readonly client_id: string; readonly message_id: number }>(
      'SELECT client_id, message_id FROM mqtt_incoming',
    );
    this.#put = sqlite.prepare<[string, number]>(
      'INSERT OR IGNORE INTO mqtt_incoming (client_id, message_id) VALUES (?, ?)',
    );
    this.#get = sqlite.prepare<[string, number]>(
      'SELECT message_id FROM mqtt_incoming WHERE client_id = ? AND message_id = ?',
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
   * May the client send this message, beside those it sent and has not released? One it has sent already needs no room. What is granted
   * is kept for it until the message is held.
   */
  takeRoom(client: MqttClient, messageId: number): boolean {
    if (this.holds(client.id, messageId)) return true;
    const granted = this.#granted.get(client) ?? new Set();
    this.#granted.set(client, granted);
    const held = this.#held.get(client.id)?.size ?? 0;
    if (!granted.has(messageId) && held + granted.size >= this.#perClientMax) return false;
    granted.add(messageId);
    return true;
  }

  /** @throws NolapseError `unreleased_messages` when the client has as many messages unreleased as it may. */
  checkRoom(client: MqttClient): void {
    const size = this.#held.get(client.id)?.size ?? 0;
    if (size < this.#perClientMax) return;
    throw new NolapseError('unreleased_messages', `${size} QoS 2 messages wait for their PUBREL already`);
  }

  /**
   * Holds the packet once `stored` has resolved: the unit of work that calls `write`, and stores with it for whom the
   * message is.
   */
  hold(client: MqttClient, messageId: number, stored: Promise<void>): Promise<void> {
    const held = this.#ofClient(client.id);
    this.#granted.get(client)?.delete(messageId);
    held.set(messageId, stored);
    return stored.catch((error: unknown) => {
      if (held.get(messageId) === stored) held.delete(messageId);
      throw error;
    });
  }

  /** Part of a unit of work. */
  write(clientId: string, messageId: number): void {
    this.#put.run(clientId, messageId);
  }

  /** Rejects when the client has no such message, which is how aedes asks whether it is new. */
  get(client: MqttClient, { messageId }: Acknowledgement): Promise<Acknowledgement> {
    const held = messageId === undefined ? undefined : this.#held.get(client.id)?.get(messageId);
    return held ? held.then(() => ({ messageId })) : Promise.reject(noSuchMessage);
  }

  async delete(client: MqttClient, { messageId }: Acknowledgement): Promise<void> {
    const held = this.#held.get(client.id);
    if (messageId === undefined || !held?.delete(messageId)) throw noSuchMessage;
    if (held.size === 0) this.#held.delete(client.id);
    if (client.clean) return;
    const work = () => void this.#delete.run(client.id, messageId);
    await this.#database.submit(work, 'messages', () => this.#holdAgain(client.id, [messageId]));
  }

  clear(clientId: string): Promise<void> {
    const held = this.#held.get(clientId);
    if (!held || !this.#held.delete(clientId)) return settled;
    const work = () => void this.#deleteAll.run(clientId);
    return this.#database.submit(work, 'messages', () => this.#holdAgain(clientId, held.keys()));
  }

  /** Part of a unit of work: removes all that the client has. */
  discard(clientId: string): void {
    const held = this.#held.get(clientId);
    if (held) this.#changed.undo(() => this.#holdAgain(clientId, held.keys()));
    this.#held.delete(clientId);
    this.#deleteAll.run(clientId);
  }

  /**
   * Those that are stored still. Forgotten here, their identifiers would be found by the next start, when other messages come under them.
   * What was never stored, of a clean session, ends with it.
   */
  #holdAgain(clientId: string, messageIds: Iterable<number>): void {
    for (const messageId of messageIds) {
      if (this.#get.get(clientId, messageId) === undefined) continue;
      const held = this.#ofClient(clientId);
      if (!held.has(messageId)) held.set(messageId, settled);
    }
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
