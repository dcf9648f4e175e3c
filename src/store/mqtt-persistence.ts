// aedes's persistence over the store: what MQTT sessions may rely on after a crash. Every write is a unit of work, and
// nobody is told of it before its commit.
//
// aedes acknowledges a QoS 1 PUBLISH before it stores it, and remembers a QoS 2 PUBLISH as received before it stores it for
// anybody: both would lose an acknowledged message with the process. So a QoS 1 message is stored by `storeAhead`, and a QoS 2 message
// in the unit that notes its receipt. A packet is numbered as it arrives, and by its number what aedes asks to be stored later is
// known to be stored, and what it hands out is put in order (mqtt-arrivals.ts).
import { Readable } from 'node:stream';
import { ownerOfSession } from '../domain/client-id.ts';
import { GatewayError } from '../domain/errors.ts';
import type { Database } from './database.ts';
import { MqttAbsences } from './mqtt-absences.ts';
import { Arrivals } from './mqtt-arrivals.ts';
import { Backlog } from './mqtt-backlog.ts';
import { MqttIncoming } from './mqtt-incoming.ts';
import { MqttKept } from './mqtt-kept.ts';
import { type MqttPersistenceOptions, retainedLimits } from './mqtt-options.ts';
import { MqttOutgoing, type QueuedPacket, type Recipient } from './mqtt-outgoing.ts';
import {
  type Acknowledgement,
  isTransient,
  keptSessionFilter,
  type MqttBroker,
  type MqttClient,
  type MqttSession,
  type PublishPacket,
  type PubrelPacket,
  settled,
} from './mqtt-packet.ts';
import { MqttRetained } from './mqtt-retained.ts';
import { MqttStoredSessions } from './mqtt-stored-sessions.ts';
import type { MatchedSubscription } from './mqtt-subscription-index.ts';
import { MqttSubscriptions, noSubscriptions, type StoredSubscription } from './mqtt-subscriptions.ts';
import { MqttWills, type Will } from './mqtt-wills.ts';

type Cleared = QueuedPacket | PubrelPacket | undefined;

export class MqttPersistence {
  readonly #database: Database;
  readonly #options: MqttPersistenceOptions;
  readonly #subscriptions: MqttSubscriptions;
  readonly #outgoing: MqttOutgoing;
  readonly #incoming: MqttIncoming;
  readonly #retained: MqttRetained;
  readonly #wills: MqttWills;
  readonly #kept: MqttKept;
  /** The sessions that outlive their connection. */
  readonly sessions: MqttStoredSessions;
  readonly #backlogs = new WeakMap<MqttClient, Backlog>();
  #attached: { readonly broker: MqttBroker; readonly arrivals: Arrivals } | null = null;
  #destroyed = false;

  constructor(database: Database, options: MqttPersistenceOptions) {
    this.#database = database;
    this.#options = options;
    this.#subscriptions = new MqttSubscriptions(database, options.mayStore ?? (() => true));
    this.#outgoing = new MqttOutgoing(database, {
      messagesMax: options.queuedMessagesMax,
      bytesMax: options.queuedBytesMax,
    });
    this.#incoming = new MqttIncoming(database, options.unreleasedMessagesMax ?? Number.POSITIVE_INFINITY);
    this.#retained = new MqttRetained(database, { ...retainedLimits, ...options.retained });
    this.#wills = new MqttWills(database);
    this.#kept = new MqttKept(database);
    this.sessions = new MqttStoredSessions({
      parts: [this.#subscriptions, this.#outgoing, this.#incoming, this.#wills],
      absences: new MqttAbsences(database),
      kept: this.#kept,
      perPrincipalMax: options.sessionsPerPrincipalMax ?? Number.POSITIVE_INFINITY,
      isConnected: options.isConnected ?? (() => false),
      submit: (work) => this.#submit(work),
      failed: (error) => void this.#listening.broker.emit('error', error as Error),
    });
  }

  /** Called by aedes when it begins to listen. Its id must be a fresh one: its counter begins at 0. */
  async setup(broker: MqttBroker): Promise<void> {
    this.#attached = { broker, arrivals: new Arrivals(broker, () => this.#database.submit(() => undefined)) };
    await this.#database.submit(() => this.#outgoing.begin(broker.id));
    this.#subscriptions.load();
    this.#incoming.load();
    this.#retained.load();
    this.#wills.load();
    this.sessions.load();
  }

  get broker(): MqttBroker {
    return this.#listening.broker;
  }

  /**
   * Stores the message durably for everybody it must outlive: called in authorizePublish, and awaited before its callback. Null: there
   * is nothing to wait for. Rejects when it cannot be stored: the message must then not be acknowledged.
   */
  storeAhead(packet: PublishPacket, client: MqttClient): Promise<void> | null {
    const { arrivals } = this.#listening;
    // aedes's copies keep it.
    if (packet.retain) packet.clientId = client.id;
    if (packet.qos === 2) return null;
    if (packet.qos || packet.retain || arrivals.isBusy(client)) arrivals.note(client, packet);
    return packet.qos ? arrivals.inTurn(client, this.#store(packet)) : null;
  }

  /** Is there room for this QoS 2 message until it is released? Asked as it arrives: what is granted is kept for it. */
  takeRoom({ messageId }: PublishPacket, client: MqttClient): boolean {
    return messageId === undefined || this.#incoming.takeRoom(client, messageId);
  }

  /** Takes over sending this client its queue. To be called before its subscriptions are restored. */
  attend(client: MqttSession): void {
    const { arrivals } = this.#listening;
    this.#backlogs.set(client, new Backlog(client, this.#outgoing, arrivals, (work) => this.#submit(work)));
  }

  storeRetained(packet: PublishPacket): Promise<void> {
    if (isTransient(packet.topic) || this.#listening.arrivals.isExpected(packet.brokerCounter)) return settled;
    return this.#submit(() => this.#retain(packet));
  }

  createRetainedStream(filter: string): Readable {
    return this.createRetainedStreamCombi([filter]);
  }

  createRetainedStreamCombi(filters: readonly string[]): Readable {
    return this.#retained.stream(filters, (error) => void this.#listening.broker.emit('error', error));
  }

  addSubscriptions(client: MqttClient, subscriptions: readonly StoredSubscription[]): Promise<void> {
    return this.#subscriptions.add(client, subscriptions);
  }

  removeSubscriptions(client: MqttClient, filters: readonly string[]): Promise<void> {
    return this.#subscriptions.remove(client, filters);
  }

  /** aedes asks this as a client comes that wants its session kept, and tells it that its session is present if it gets any. */
  subscriptionsByClient({ id }: MqttClient): Promise<StoredSubscription[]> {
    const isKept = this.sessions.has(id);
    this.sessions.came(id);
    const all = this.#subscriptions.ofClient(id);
    return Promise.resolve(isKept && all.length === 0 ? [{ topic: keptSessionFilter, qos: 0 }] : all);
  }

  countOffline(): Promise<{ subsCount: number; clientsCount: number }> {
    return Promise.resolve(this.#subscriptions.counts());
  }

  subscriptionsByTopic(topic: string): Promise<readonly MatchedSubscription[]> {
    const matching = isTransient(topic) ? [] : this.#subscriptions.matching(topic);
    return matching.length === 0 ? noSubscriptions : Promise.resolve(matching);
  }

  /** A clean session begins: nothing of the one before it is left [MQTT-3.1.2-6], its queue included. */
  cleanSubscriptions({ id }: MqttClient): Promise<void> {
    if (this.#subscriptions.mayLack(id) && !this.#outgoing.has(id) && !this.#kept.has(id)) return settled;
    return this.#submit(() => {
      this.#subscriptions.discard(id);
      this.#outgoing.discard(id);
      this.#kept.discard(id);
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
    const counter = arrivals.number(packet);
    return this.#submit(() => this.#enqueue(this.#allowed(recipients, packet.topic), packet, counter));
  }

  /** Notes under which identifier a message is sent, or that PUBREL is owed. What was never queued is not missed. */
  outgoingUpdate({ id }: MqttClient, packet: PublishPacket | PubrelPacket): Promise<void> {
    const note = this.#outgoing.noteOf(id, packet);
    return note ? this.#submit(note) : settled;
  }

  /** aedes also asks this, without an identifier, for packets it does not hand out: those say nothing about any other. */
  async outgoingClearMessageId({ id }: MqttClient, { messageId }: Acknowledgement): Promise<Cleared> {
    if (messageId === undefined || !this.#outgoing.has(id)) return undefined;
    return this.#submit(() => this.#outgoing.clear(id, messageId));
  }

  /** aedes asks this after CONNACK. What a client that is attended to is owed goes another way. */
  outgoingStream(client: MqttClient): Readable {
    const backlog = this.#backlogs.get(client);
    backlog?.send();
    return Readable.from(backlog ? [] : this.#outgoing.walk(client.id));
  }

  /** Notes a QoS 2 message as received, if there is room, and stores it for everybody it must outlive, in one unit of work. */
  async incomingStorePacket(client: MqttClient, packet: PublishPacket): Promise<void> {
    const { messageId } = packet;
    if (messageId === undefined) throw new GatewayError('mqtt_packet', 'a QoS 2 message without an identifier');
    this.#incoming.checkRoom(client);
    if (packet.retain) packet.clientId = client.id;
    const note = client.clean ? undefined : () => this.#incoming.write(client.id, messageId);
    const stored = this.#listening.arrivals.inTurn(client, this.#store(packet, note));
    await this.#incoming.hold(client, messageId, stored ?? settled);
  }

  /** aedes asks this of a QoS 2 PUBLISH as it arrives, and of its PUBREL. */
  incomingGetPacket(client: MqttClient, packet: PublishPacket | PubrelPacket): Promise<Acknowledgement> {
    if (packet.cmd === 'publish' && !this.#incoming.holds(client.id, packet.messageId)) {
      this.#listening.arrivals.note(client, packet);
    }
    return this.#incoming.get(client, packet);
  }

  incomingDelPacket(client: MqttClient, packet: Acknowledgement): Promise<void> {
    return this.#incoming.delete(client, packet);
  }

  cleanIncoming(client: MqttClient): Promise<void> {
    return this.#incoming.clear(client.id);
  }

  putWill(client: MqttClient, will: PublishPacket): Promise<void> {
    return this.#wills.put(client, will, this.#listening.broker.id);
  }

  getWill(client: MqttClient): Promise<Will | undefined> {
    return this.#wills.get(client);
  }

  delWill(client: MqttClient & { readonly brokerId?: string | undefined }): Promise<Will | undefined> {
    return this.#wills.delete(client);
  }

  streamWill(alive: Readonly<Record<string, unknown>> = {}): Readable {
    return Readable.from(this.#wills.ofDead(alive));
  }

  getClientList(filter: string): Readable {
    return Readable.from(this.#subscriptions.clientsWith(filter));
  }

  /** Ends the persistence, not the database it shares. */
  async destroy(): Promise<void> {
    if (this.#destroyed) throw new GatewayError('mqtt_destroyed', 'destroyed twice');
    this.#destroyed = true;
  }

  get #listening(): { readonly broker: MqttBroker; readonly arrivals: Arrivals } {
    if (!this.#attached) throw new GatewayError('mqtt_not_set_up', 'the persistence was used before setup');
    return this.#attached;
  }

  /** Stores the packet for stored sessions and as retained message, together with what `note` writes. Null: nothing to do. */
  #store(packet: PublishPacket, note?: () => void): Promise<void> | null {
    const { topic } = packet;
    const kept = !isTransient(topic);
    const recipients = kept ? this.#allowed(this.#subscriptions.matching(topic), topic) : [];
    const retain = kept && packet.retain === true;
    if (recipients.length === 0 && !retain) return note ? this.#submit(note) : null;
    const counter = this.#listening.arrivals.expect(packet);
    return this.#submit(() => {
      note?.();
      if (retain) this.#retain(packet);
      // Who was forgotten, or began anew, while this waited is owed nothing.
      const subscribed = recipients.filter(({ clientId }) => this.#subscriptions.has(clientId));
      this.#enqueue(subscribed, packet, counter);
    });
  }

  #allowed(recipients: readonly Recipient[], topic: string): readonly Recipient[] {
    const { mayReceive } = this.#options;
    return mayReceive ? recipients.filter(({ clientId }) => mayReceive(clientId, topic)) : recipients;
  }

  #retain(packet: PublishPacket): void {
    if (!this.#retained.put(packet, ownerOfSession(packet.clientId ?? ''))) this.#options.onDropped(null, packet.topic);
  }

  #enqueue(recipients: readonly Recipient[], packet: PublishPacket, counter: number): void {
    const full = this.#outgoing.enqueue(recipients, packet, counter);
    for (const clientId of full) this.#options.onDropped(clientId, packet.topic);
  }

  /** A commit that fails undoes rows that were counted. Nothing else has run since: what is in memory is read anew. */
  #submit<T>(work: () => T): Promise<T> {
    return this.#database.submit(work).catch((error: unknown) => {
      this.#subscriptions.load();
      this.#outgoing.load();
      this.#retained.load();
      this.sessions.load();
      throw error;
    });
  }
}

export function createMqttPersistence(database: Database, options: MqttPersistenceOptions): MqttPersistence {
  return new MqttPersistence(database, options);
}
