// The subscriptions of sessions that outlive their connection: rows in the store, mirrored in memory, where they are read.
// The mirror changes inside the unit of work, after its rows, so it never runs ahead of another unit.

import { FilterTree, type FilterWalk } from '../../domain/filter-tree.ts';
import type { MqttClient, Qos } from '../../ports/mqtt-packets.ts';
import type { MatchedSubscription, StoredSubscription } from '../../ports/mqtt-persistence.ts';
import type { Database } from '../sqlite/database.ts';
import type { Changed } from './changed.ts';
import { settled } from './packet.ts';

interface Row {
  readonly client_id: string;
  readonly filter: string;
  readonly qos: Qos;
  readonly options: string;
}

const none: readonly MatchedSubscription[] = [];

export class MqttSubscriptions {
  readonly #database: Database;
  readonly #mayStore: (clientId: string, filter: string) => boolean;
  #byClient = new Map<string, Map<string, StoredSubscription>>();
  #index = new FilterTree<string, MatchedSubscription>();
  readonly #changed: Changed;
  readonly #of;
  #pending = 0;
  /** By the SUBSCRIBE they came in. */
  readonly #adding = new WeakMap<readonly StoredSubscription[], Promise<void>>();
  readonly #all;
  readonly #put;
  readonly #delete;
  readonly #deleteAll;

  constructor(database: Database, mayStore: (clientId: string, filter: string) => boolean, changed: Changed) {
    const { sqlite } = database;
    this.#changed = changed;
    this.#database = database;
    this.#mayStore = mayStore;
    this.#all = sqlite.prepare<[], Row>('SELECT client_id, filter, qos, options FROM mqtt_subscription');
    this.#of = sqlite.prepare<[string], Row>(
      'SELECT client_id, filter, qos, options FROM mqtt_subscription WHERE client_id = ?',
    );
    this.#put = sqlite.prepare<[string, string, number, string]>(
      'INSERT OR REPLACE INTO mqtt_subscription (client_id, filter, qos, options) VALUES (?, ?, ?, ?)',
    );
    this.#delete = sqlite.prepare<[string, string]>('DELETE FROM mqtt_subscription WHERE client_id = ? AND filter = ?');
    this.#deleteAll = sqlite.prepare<[string]>('DELETE FROM mqtt_subscription WHERE client_id = ?');
  }

  load(): void {
    this.#byClient = new Map();
    this.#index = new FilterTree<string, MatchedSubscription>();
    for (const row of this.#all.all()) this.#mirrorRow(row);
  }

  /** Reads anew what the client has. */
  reread(clientId: string): void {
    for (const filter of this.#byClient.get(clientId)?.keys() ?? []) this.#index.delete(filter, clientId);
    this.#byClient.delete(clientId);
    for (const row of this.#of.all(clientId)) this.#mirrorRow(row);
  }

  /**
   * Stores those the client may keep. aedes calls this once for each filter it allowed, and passes the whole SUBSCRIBE each
   * time, denied filters included: so every filter is judged here again, once, when aedes has been through all of them.
   */
  add(client: MqttClient, subscriptions: readonly StoredSubscription[]): Promise<void> {
    let stored = this.#adding.get(subscriptions);
    if (!stored) {
      this.#pending += 1;
      const end = (): void => {
        this.#pending -= 1;
        this.#adding.delete(subscriptions);
      };
      stored = settled.then(() => this.#addAllowed(client, subscriptions)).finally(end);
      this.#adding.set(subscriptions, stored);
    }
    return stored;
  }

  /** Only what changes is written. */
  async #addAllowed(client: MqttClient, subscriptions: readonly StoredSubscription[]): Promise<void> {
    const allowed = subscriptions.filter((subscription) => this.#mayStore(client.id, subscription.topic));
    await this.#submit(client.id, () => {
      for (const asked of allowed) {
        const { topic, qos, rh, rap, nl, subscriptionIdentifier } = asked;
        const options = optionsOf(asked);
        const stored = this.#byClient.get(client.id)?.get(topic);
        if (stored && stored.qos === qos && optionsOf(stored) === options) continue;
        this.#put.run(client.id, topic, qos, options);
        const subscription: StoredSubscription = { topic, qos, rh, rap, nl };
        if (subscriptionIdentifier !== undefined) subscription.subscriptionIdentifier = subscriptionIdentifier;
        this.#mirror(client.id, subscription);
      }
    });
  }

  async remove(client: MqttClient, filters: readonly string[]): Promise<void> {
    if (this.mayLack(client.id)) return;
    await this.#submit(client.id, () => {
      const stored = this.#byClient.get(client.id);
      for (const filter of filters) {
        if (!stored?.has(filter)) continue;
        this.#delete.run(client.id, filter);
        stored.delete(filter);
        this.#index.delete(filter, client.id);
      }
      if (stored?.size === 0) this.#byClient.delete(client.id);
    });
  }

  /** Part of a unit of work: removes all that the client has. */
  discard(clientId: string): void {
    const stored = this.#byClient.get(clientId);
    if (!stored) return;
    this.#changed.client(clientId);
    this.#deleteAll.run(clientId);
    for (const filter of stored.keys()) this.#index.delete(filter, clientId);
    this.#byClient.delete(clientId);
  }

  has(clientId: string): boolean {
    return this.#byClient.has(clientId);
  }

  /** Has the client nothing stored, and nothing on its way to the store either? */
  mayLack(clientId: string): boolean {
    return this.#pending === 0 && !this.#byClient.has(clientId);
  }

  clientIds(): string[] {
    return [...this.#byClient.keys()];
  }

  ofClient(clientId: string): StoredSubscription[] {
    const stored = this.#byClient.get(clientId);
    return stored ? Array.from(stored.values(), (subscription) => ({ ...subscription })) : [];
  }

  /** Those above QoS 0 that match the topic: whom a message is kept for. */
  matching(topic: string): readonly MatchedSubscription[] {
    return this.#index.size === 0 ? none : this.#index.match(topic);
  }

  /** Is there any above QoS 0? */
  get mayMatch(): boolean {
    return this.#index.size > 0;
  }

  /** As {@link matching}, to be looked for in steps. */
  walk(topic: string): FilterWalk<MatchedSubscription> {
    return this.#index.walk(topic);
  }

  clientsWith(filter: string): string[] {
    return this.clientIds().filter((clientId) => this.#byClient.get(clientId)?.has(filter));
  }

  counts(): { subsCount: number; clientsCount: number } {
    return { subsCount: this.#index.size, clientsCount: this.#byClient.size };
  }

  #mirrorRow({ client_id, filter, qos, options }: Row): void {
    this.#mirror(client_id, { topic: filter, qos, ...(JSON.parse(options) as Partial<StoredSubscription>) });
  }

  #mirror(clientId: string, subscription: StoredSubscription): void {
    const { topic, qos, rh, rap, nl } = subscription;
    let stored = this.#byClient.get(clientId);
    if (!stored) {
      stored = new Map();
      this.#byClient.set(clientId, stored);
    }
    stored.set(topic, subscription);
    if (qos > 0) this.#index.set(topic, clientId, { clientId, topic, qos, rh, rap, nl });
    else this.#index.delete(topic, clientId);
  }

  #submit(clientId: string, work: () => void): Promise<void> {
    this.#pending += 1;
    return this.#database
      .submit(work, 'messages', () => this.reread(clientId))
      .finally(() => {
        this.#pending -= 1;
      });
  }
}

function optionsOf({ rh, rap, nl, subscriptionIdentifier }: StoredSubscription): string {
  return JSON.stringify({ rh, rap, nl, subscriptionIdentifier });
}

/** What `subscriptionsByTopic` answers when nobody is to be found: shared, because it is asked for every QoS 1 message. */
export const noSubscriptions: Promise<readonly MatchedSubscription[]> = settled.then(() => none);
