// Who keeps the sessions and messages that outlive a connection or the process. The broker hands this to aedes, so most of it is asked in
// aedes's words, and answered later: whoever answers may have to ask a database elsewhere. What resolves is kept, also after a kill.
import type { EndCause } from '../domain/disconnection.ts';
import type { PrincipalId } from '../domain/principal.ts';
import type {
  Acknowledgement,
  DeliveredPacket,
  MqttBroker,
  MqttClient,
  MqttSession,
  Payload,
  PublishPacket,
  PubrelPacket,
  Qos,
} from './mqtt-packets.ts';

/** A subscription of one client: what aedes stores and restores. Beyond the QoS it is MQTT 5's, kept as it came. */
export interface StoredSubscription {
  topic: string;
  qos: Qos;
  rh?: number | undefined;
  rap?: boolean | undefined;
  nl?: boolean | undefined;
  subscriptionIdentifier?: number | undefined;
}

/** A stored subscription as aedes wants it back by topic. */
export interface MatchedSubscription {
  readonly clientId: string;
  readonly topic: string;
  readonly qos: Qos;
  readonly rh?: number | undefined;
  readonly rap?: boolean | undefined;
  readonly nl?: boolean | undefined;
}

/** For whom a message is queued, and the QoS their subscription grants; without it the message's own. */
export interface Recipient {
  readonly clientId: string;
  readonly qos?: Qos | undefined;
  /** No local: it is not to have what it said itself. */
  readonly nl?: boolean | undefined;
}

/** What a queue's row is, as aedes wants it back. */
export type QueuedPacket = DeliveredPacket & { cmd: 'publish'; brokerId: string; brokerCounter: number };

/** A will as aedes stores and streams it. */
export interface Will {
  topic: string;
  payload: Payload;
  qos: Qos;
  retain: boolean;
  brokerId?: string;
  clientId?: string;
}

/** A retained message, its size of topic and payload together. */
export interface RetainedTopic {
  readonly topic: string;
  readonly bytes: number;
}

export interface RetainedPage {
  /** Rows looked at, those that do not match included. */
  readonly rows: number;
  readonly found: readonly RetainedTopic[];
}

/** Topics of retained messages, found page by page. It reads no payloads. */
export interface RetainedWalk {
  readonly isOver: boolean;
  /** Looks at so many of the next rows at most. One page at a time. */
  page(rowsMax: number): Promise<RetainedPage>;
}

/** The sessions that outlive their connection, whatever is kept of them. */
export interface StoredSessions {
  /** Removes all that is kept of a principal's sessions. */
  forgetPrincipal(id: PrincipalId): Promise<void>;
  /** Removes what is kept of others' client ids that are this principal's since it is in the inventory: nobody can come back to it. */
  forgetClaimed(id: PrincipalId): Promise<void>;
  /**
   * Counts `ms` more for each session that was away at the last call and still is, and forgets those that have been away for `mostMs`. Ends
   * early when `signal` aborts.
   * @returns the client ids that were forgotten, some at a time.
   */
  forgetAbsent(ms: number, mostMs: number, signal?: AbortSignal): AsyncIterable<readonly string[]>;
}

/** Of one connection: what is here is known to this process alone, so it is answered at once. */
interface ConnectionKeeper {
  /** Is there room to remember this QoS 2 message until its PUBREL? Asked as it arrives; what is granted is kept for it. */
  takeRoom(packet: PublishPacket, client: MqttClient): boolean;
  /** Called for each admitted client before its subscriptions are restored and CONNACK is sent: sends it its queue. */
  attend(client: MqttSession): void;
  /** Called when its connection ends, with why. */
  leave(client: MqttSession, cause: EndCause): void;
}

/** What of a message is kept before its publisher is told, and what of it is retained. */
interface MessageKeeper {
  /**
   * Keeps what the PUBACK of a QoS 1 message promises, retained message and offline queues, and is told of every other message as it
   * arrives; null when there is nothing to wait for, which is told at once: it is asked of every message. aedes sends PUBACK before it
   * persists, and routes the message afterwards. For QoS 2 `incomingStorePacket` keeps it: aedes awaits that before PUBREC.
   * Rejects when it cannot be kept: the message must then not be acknowledged.
   */
  storeAhead(packet: PublishPacket, client: MqttClient): Promise<void> | null;
  storeRetained(packet: PublishPacket): Promise<void>;
  /** Looks through the retained messages for those that the filter matches. */
  walkRetained(filter: string): RetainedWalk;
  /** The retained message of this topic. */
  retainedOf(topic: string): Promise<PublishPacket | undefined>;
}

interface SubscriptionKeeper {
  /** aedes passes the whole SUBSCRIBE for each filter it allowed, denied ones included: each filter is judged again. */
  addSubscriptions(client: MqttClient, subscriptions: readonly StoredSubscription[]): Promise<void>;
  removeSubscriptions(client: MqttClient, filters: readonly string[]): Promise<void>;
  /** Asked as a client comes that wants its session kept. A kept session without a subscription has `keptSessionFilter`. */
  subscriptionsByClient(client: MqttClient): Promise<StoredSubscription[]>;
  /** Those above QoS 0 that match the topic. */
  subscriptionsByTopic(topic: string): Promise<readonly MatchedSubscription[]>;
  /** A clean session begins: nothing of the one before it is left [MQTT-3.1.2-6], its queue included. */
  cleanSubscriptions(client: MqttClient): Promise<void>;
  countOffline(): Promise<{ readonly subsCount: number; readonly clientsCount: number }>;
  clientsWith(filter: string): AsyncIterable<string>;
}

interface OutgoingKeeper {
  outgoingEnqueue(recipient: Recipient, packet: PublishPacket): Promise<void>;
  outgoingEnqueueCombi(recipients: readonly Recipient[], packet: PublishPacket): Promise<void>;
  /** Notes under which identifier a message is sent, or that PUBREL is owed. What was never queued is not missed. */
  outgoingUpdate(client: MqttClient, packet: PublishPacket | PubrelPacket): Promise<void>;
  /**
   * The message of this identifier is done with. Without an identifier it clears nothing: aedes asks so for a message that reaches a
   * session through two overlapping subscriptions.
   */
  outgoingClearMessageId(client: MqttClient, packet: Acknowledgement): Promise<QueuedPacket | PubrelPacket | undefined>;
  /** What the client is owed, the oldest first; nothing where it is attended to. */
  outgoing(client: MqttClient): AsyncIterable<QueuedPacket | PubrelPacket>;
}

interface IncomingKeeper {
  /** Notes a QoS 2 message as received, and keeps it for everybody it must outlive. Rejects with `unreleased_messages` beyond the limit. */
  incomingStorePacket(client: MqttClient, packet: PublishPacket): Promise<void>;
  /** Rejects when the client has sent no such message that is not released. */
  incomingGetPacket(client: MqttClient, packet: PublishPacket | PubrelPacket): Promise<Acknowledgement>;
  incomingDelPacket(client: MqttClient, packet: Acknowledgement): Promise<void>;
  cleanIncoming(client: MqttClient): Promise<void>;
}

interface WillKeeper {
  putWill(client: MqttClient, will: PublishPacket): Promise<void>;
  getWill(client: MqttClient): Promise<Will | undefined>;
  /** Unless `brokerId` is given and another broker's will has taken its place since. */
  delWill(client: MqttClient & { readonly brokerId?: string | undefined }): Promise<Will | undefined>;
  /** The wills of brokers that are not in `alive`. */
  wills(alive?: Readonly<Record<string, unknown>>): AsyncIterable<Will>;
}

export interface MqttPersistence
  extends ConnectionKeeper,
    MessageKeeper,
    SubscriptionKeeper,
    OutgoingKeeper,
    IncomingKeeper,
    WillKeeper {
  readonly sessions: StoredSessions;
  /** Called when the broker begins to listen, before anything else. Its id must be a fresh one: its counter begins at 0. */
  setup(broker: MqttBroker): Promise<void>;
  /** Called when the broker has closed. What it shares with others stays open. */
  destroy(): Promise<void>;
}
