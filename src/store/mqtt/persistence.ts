// aedes's persistence over the store: what MQTT sessions may rely on after a crash. Every write is a unit of work, and
// nobody is told of it before its commit.
//
// aedes acknowledges a QoS 1 PUBLISH before it stores it, and remembers a QoS 2 PUBLISH as received before it stores it for
// anybody: both would lose an acknowledged message with the process. So a QoS 1 message is stored by `storeAhead`, and a QoS 2 message
// in the unit that notes its receipt. A packet is numbered as it arrives, and by its number what aedes asks to be stored later is
// known to be stored, and what it hands out is put in order (arrivals.ts).
import { ownerOfSession } from '../../domain/client-id.ts';
import { costOfBytes, costs } from '../../domain/costs.ts';
import type { EndCause } from '../../domain/disconnection.ts';
import { NolapseError } from '../../domain/errors.ts';
import type { MqttPersistenceOptions } from '../../ports/mqtt-options.ts';
import {
  type Acknowledgement,
  keptSessionFilter,
  type MqttBroker,
  type MqttClient,
  type MqttSession,
  type PublishPacket,
  type PubrelPacket,
} from '../../ports/mqtt-packets.ts';
import type {
  MatchedSubscription,
  MqttPersistence,
  QueuedPacket,
  Recipient,
  RetainedWalk,
  StoredSubscription,
  Will,
} from '../../ports/mqtt-persistence.ts';
import type { Database } from '../sqlite/database.ts';
import { Arrivals } from './arrivals.ts';
import { isTransient, messageBytes, settled } from './packet.ts';
import { createParts } from './parts.ts';
import type { MqttStoredSessions } from './stored-sessions.ts';
import { noSubscriptions } from './subscriptions.ts';

type Cleared = QueuedPacket | PubrelPacket | undefined;

export class SqliteMqttPersistence implements MqttPersistence {
  readonly #database: Database;
  readonly #options: MqttPersistenceOptions;
  readonly #parts: ReturnType<typeof createParts>;
  /** The sessions that outlive their connection. */
  readonly sessions: MqttStoredSessions;
  #attached: { readonly broker: MqttBroker; readonly arrivals: Arrivals } | null = null;
  #destroyed = false;

  constructor(database: Database, options: MqttPersistenceOptions) {
    this.#database = database;
    this.#options = options;
    this.#parts = createParts(database, options, {
      submit: (work) => this.#submit(work),
      failed: (error) => void this.#listening.broker.emit('error', error as Error),
    });
    this.sessions = this.#parts.sessions;
  }

  /** Called by aedes when it begins to listen. Its id must be a fresh one: its counter begins at 0. */
  async setup(broker: MqttBroker): Promise<void> {
    this.#attached = { broker, arrivals: new Arrivals(broker, () => this.#database.submit(() => undefined)) };
    await this.#database.submit(() => this.#parts.outgoing.begin(broker.id));
    this.#parts.subscriptions.load();
    this.#parts.incoming.load();
    this.#parts.retained.load();
    this.#parts.wills.load();
    this.sessions.load();
    await this.#parts.spread.resume();
  }

  /**
   * Stores the message durably for everybody it must outlive: called in authorizePublish, and awaited before its callback. Null: there
   * is nothing to wait for. Rejects when it cannot be stored: the message must then not be acknowledged.
   */
  storeAhead(packet: PublishPacket, client: MqttClient): Promise<void> | null {
    const { arrivals } = this.#listening;
    // aedes's copies keep it.
    if (packet.retain || packet.qos) packet.clientId = client.id;
    if (packet.qos === 2) return null;
    if (packet.qos || packet.retain || arrivals.isBusy(client)) arrivals.note(client, packet);
    return packet.qos ? arrivals.inTurn(client, this.#store(packet)) : null;
  }

  /** Is there room for this QoS 2 message until it is released? Asked as it arrives: what is granted is kept for it. */
  takeRoom({ messageId }: PublishPacket, client: MqttClient): boolean {
    return messageId === undefined || this.#parts.incoming.takeRoom(client, messageId);
  }

  /** Takes over sending this client its queue. To be called before its subscriptions are restored. */
  attend(client: MqttSession): void {
    this.#parts.backlogs.attend(client, this.#listening.arrivals);
  }

  /** Its connection has ended. */
  leave(client: MqttSession, cause: EndCause): void {
    this.#parts.backlogs.leave(client, cause);
  }

  storeRetained(packet: PublishPacket): Promise<void> {
    if (isTransient(packet.topic) || this.#listening.arrivals.isExpected(packet.brokerCounter)) return settled;
    const cost = costs.write + costOfBytes(messageBytes(packet));
    this.#options.allowanceOf?.(packet.clientId ?? '')?.spend(cost);
    return this.#submit(() => this.#retain(packet));
  }

  /** Looks through the retained messages for those that the filter matches, page by page. */
  walkRetained(filter: string): RetainedWalk {
    return this.#parts.retained.walk(filter);
  }

  async retainedOf(topic: string): Promise<PublishPacket | undefined> {
    return this.#parts.retained.get(topic);
  }

  addSubscriptions(client: MqttClient, subscriptions: readonly StoredSubscription[]): Promise<void> {
    return this.#parts.subscriptions.add(client, subscriptions);
  }

  removeSubscriptions(client: MqttClient, filters: readonly string[]): Promise<void> {
    return this.#parts.subscriptions.remove(client, filters);
  }

  /** aedes asks this as a client comes that wants its session kept, and tells it that its session is present if it gets any. */
  subscriptionsByClient({ id }: MqttClient): Promise<StoredSubscription[]> {
    const isKept = this.sessions.has(id);
    this.sessions.came(id);
    const all = this.#parts.subscriptions.ofClient(id);
    return Promise.resolve(isKept && all.length === 0 ? [{ topic: keptSessionFilter, qos: 0 }] : all);
  }

  countOffline(): Promise<{ subsCount: number; clientsCount: number }> {
    return Promise.resolve(this.#parts.subscriptions.counts());
  }

  subscriptionsByTopic(topic: string): Promise<readonly MatchedSubscription[]> {
    const matching = isTransient(topic) ? [] : this.#parts.subscriptions.matching(topic);
    return matching.length === 0 ? noSubscriptions : Promise.resolve(matching);
  }

  /** A clean session begins: nothing of the one before it is left [MQTT-3.1.2-6], its queue included. */
  cleanSubscriptions({ id }: MqttClient): Promise<void> {
    if (this.#parts.subscriptions.mayLack(id) && !this.#parts.outgoing.has(id) && !this.#parts.kept.has(id))
      return settled;
    return this.#submit(() => {
      this.#parts.subscriptions.discard(id);
      this.#parts.outgoing.discard(id);
      this.#parts.kept.discard(id);
    });
  }

  outgoingEnqueue(recipient: Recipient, packet: PublishPacket): Promise<void> {
    return this.outgoingEnqueueCombi([recipient], packet);
  }

  outgoingEnqueueCombi(recipients: readonly Recipient[], packet: PublishPacket): Promise<void> {
    const { broker, arrivals } = this.#listening;
    if (recipients.length === 0 || isTransient(packet.topic)) return settled;
    // A will of a broker that died comes with that broker's id, and a number of this one's.
    packet.brokerId = broker.id;
    if (arrivals.isExpected(packet.brokerCounter)) return settled;
    const stored = this.#parts.spread.enqueue(recipients, packet, () => arrivals.expect(packet));
    return stored.catch((error: unknown) => {
      arrivals.forget(packet);
      throw error;
    });
  }

  /** Notes under which identifier a message is sent, or that PUBREL is owed. What was never queued is not missed. */
  outgoingUpdate(client: MqttClient, packet: PublishPacket | PubrelPacket): Promise<void> {
    const { id } = client;
    if (packet.cmd === 'pubrel') this.#parts.backlogs.acknowledged(client, packet);
    const note = this.#parts.outgoing.noteOf(id, packet);
    return note ? this.#submit(note) : settled;
  }

  /** aedes also asks this, without an identifier, for packets it does not hand out: those say nothing about any other. */
  async outgoingClearMessageId(client: MqttClient, { messageId }: Acknowledgement): Promise<Cleared> {
    const { id } = client;
    this.#parts.backlogs.acknowledged(client, { messageId });
    if (messageId === undefined || !this.#parts.outgoing.has(id)) return undefined;
    return this.#submit(() => this.#parts.outgoing.clear(id, messageId));
  }

  /** aedes asks this after CONNACK. What a client that is attended to is owed goes another way. */
  outgoing(client: MqttClient): AsyncIterable<QueuedPacket | PubrelPacket> {
    return later(this.#parts.backlogs.send(client) ? [] : this.#parts.outgoing.walk(client.id));
  }

  /** Notes a QoS 2 message as received, if there is room, and stores it for everybody it must outlive, in one unit of work. */
  async incomingStorePacket(client: MqttClient, packet: PublishPacket): Promise<void> {
    const { messageId } = packet;
    if (messageId === undefined) throw new NolapseError('mqtt_packet', 'a QoS 2 message without an identifier');
    this.#parts.incoming.checkRoom(client);
    packet.clientId = client.id;
    const note = client.clean ? undefined : () => this.#parts.incoming.write(client.id, messageId);
    const stored = this.#listening.arrivals.inTurn(client, this.#store(packet, note));
    await this.#parts.incoming.hold(client, messageId, stored ?? settled);
  }

  /** aedes asks this of a QoS 2 PUBLISH as it arrives, and of its PUBREL. */
  incomingGetPacket(client: MqttClient, packet: PublishPacket | PubrelPacket): Promise<Acknowledgement> {
    if (packet.cmd === 'publish' && !this.#parts.incoming.holds(client.id, packet.messageId)) {
      this.#listening.arrivals.note(client, packet);
    }
    return this.#parts.incoming.get(client, packet);
  }

  incomingDelPacket(client: MqttClient, packet: Acknowledgement): Promise<void> {
    return this.#parts.incoming.delete(client, packet);
  }

  cleanIncoming(client: MqttClient): Promise<void> {
    return this.#parts.incoming.clear(client.id);
  }

  putWill(client: MqttClient, will: PublishPacket): Promise<void> {
    return this.#parts.wills.put(client, will, this.#listening.broker.id);
  }

  getWill(client: MqttClient): Promise<Will | undefined> {
    return this.#parts.wills.get(client);
  }

  delWill(client: MqttClient & { readonly brokerId?: string | undefined }): Promise<Will | undefined> {
    return this.#parts.wills.delete(client);
  }

  wills(alive: Readonly<Record<string, unknown>> = {}): AsyncIterable<Will> {
    return later(this.#parts.wills.ofDead(alive));
  }

  clientsWith(filter: string): AsyncIterable<string> {
    return later(this.#parts.subscriptions.clientsWith(filter));
  }

  /** Ends the persistence, not the database it shares. */
  async destroy(): Promise<void> {
    if (this.#destroyed) throw new NolapseError('mqtt_destroyed', 'destroyed twice');
    this.#destroyed = true;
  }

  get #listening(): { readonly broker: MqttBroker; readonly arrivals: Arrivals } {
    if (!this.#attached) throw new NolapseError('mqtt_not_set_up', 'the persistence was used before setup');
    return this.#attached;
  }

  /** Stores the packet for stored sessions and as retained message, together with what `note` writes. Null: nothing to do. */
  #store(packet: PublishPacket, note?: () => void): Promise<void> | null {
    if (isTransient(packet.topic)) return note ? this.#submit(note) : null;
    const isRetained = packet.retain === true;
    const beside = note || isRetained ? { write: this.#besideOf(packet, note), isRetained } : null;
    if (!beside && !this.#parts.subscriptions.mayMatch) return null;
    return this.#parts.spread.store(packet, () => this.#listening.arrivals.expect(packet), beside);
  }

  #besideOf(packet: PublishPacket, note: (() => void) | undefined): () => void {
    return () => {
      note?.();
      if (packet.retain) this.#retain(packet);
    };
  }

  #retain(packet: PublishPacket): void {
    if (!this.#parts.retained.put(packet, ownerOfSession(packet.clientId ?? '')))
      this.#options.onDropped(null, packet.topic, 'queue_full', messageBytes(packet));
  }

  /** A write that fails undoes rows that were counted: what the unit has changed in memory is read anew before another unit runs. */
  #submit<T>(work: () => T): Promise<T> {
    const { run, back } = this.#parts.changed.noting(work, (clientId) => this.#reread(clientId));
    return this.#database.submit(run, 'messages', back);
  }

  #reread(clientId: string): void {
    this.#parts.subscriptions.reread(clientId);
    this.#parts.outgoing.reread(clientId);
    this.sessions.reread(clientId);
  }
}

async function* later<Each>(all: Iterable<Each>): AsyncGenerator<Each> {
  yield* all;
}

export function createMqttPersistence(database: Database, options: MqttPersistenceOptions): SqliteMqttPersistence {
  return new SqliteMqttPersistence(database, options);
}
