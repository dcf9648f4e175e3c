// The members of aedes 1.2.0 that its types leave out and this folder relies on, named in one place. A test holds each to
// what is used here.
import type { Duplex } from 'node:stream';
import type { Aedes, AedesOptions, Client } from 'aedes';

export type PublishPacket = Parameters<NonNullable<AedesOptions['authorizePublish']>>[1];

export type Qos = 0 | 1 | 2;

export interface LiveSubscription {
  qos: Qos;
}

/** Hands one message to one client. The packet is the client's own copy. */
type Deliver = (
  packet: { topic: string; payload: Buffer | string; qos: Qos; messageId?: number | undefined },
  done: () => void,
) => void;

export interface BrokerClient extends Client {
  readonly conn: Duplex;
  /** The packet identifier given next. */
  _nextId: number;
  /** By topic filter; only what was granted. */
  readonly subscriptions: Readonly<Record<string, LiveSubscription>>;
  /** What subscriptions at QoS 0, and above, are given a message by; read when a filter is subscribed to. */
  deliver0: Deliver;
  deliverQoS: Deliver;
  /** Counter of the last message seen, by broker id. */
  duplicates: Record<string, number>;
  /** Stops reading packets until `resume`, which aedes calls once the session's queue has been sent. */
  pause(): void;
  /** Calls back once the socket, which is full, has drained; `drainTimeout` later the client is disconnected. */
  waitForDrain(callback: DrainCallback): void;
}

export type DrainCallback = (error: Error | null, client: BrokerClient) => void;

export interface BrokerInternals {
  /** By client id. Deleted by id, not by identity: never enforce from it. */
  readonly clients: Record<string, BrokerClient>;
  connectedClients: number;
}

export function internalsOf(aedes: Aedes): BrokerInternals {
  return aedes as unknown as BrokerInternals;
}

export function brokerClient(client: Client): BrokerClient {
  return client as BrokerClient;
}

/**
 * The part of an aedes persistence this folder itself calls; aedes is given the whole object. Beyond aedes's own contract,
 * `outgoingClearMessageId` of a packet that has no messageId yet must clear nothing: aedes calls it so for a message that
 * reaches a persistent session through two overlapping subscriptions.
 */
export interface BrokerPersistence {
  /**
   * Persists what the PUBACK of a QoS 1 message promises, retained message and offline queues, and is told of every other
   * message as it arrives; null when there is nothing to wait for. aedes sends PUBACK before it persists, and routes the
   * message afterwards. For QoS 2 `incomingStorePacket` persists it: aedes awaits that before PUBREC. It rejects with GatewayError
   * `unreleased_messages` when the session has sent too many without releasing them: its connection is then ended.
   */
  storeAhead(packet: PublishPacket, client: BrokerClient): Promise<void> | null;
  /** Called for each admitted client before its subscriptions are restored and CONNACK is sent: sends it its queue. */
  attend(client: BrokerClient): void;
}

/**
 * Makes what turns off aedes's own duplicate check for a client. That check keeps the highest counter seen and drops what
 * comes below, but counters are given out before a message is persisted and messages reach subscribers after: a message
 * that waited for the store would be lost behind one that did not. `authorizeForward` tells duplicates by equality instead.
 */
export function withoutDuplicateCheck(brokerId: string): () => Record<string, number> {
  // On a prototype that inherits nothing, so that it costs each message no more than a property does.
  class Counters {}
  Reflect.deleteProperty(Counters.prototype, 'constructor');
  Object.setPrototypeOf(Counters.prototype, null);
  Object.defineProperty(Counters.prototype, brokerId, { get: () => 0, set: () => undefined });
  return () => new Counters() as Record<string, number>;
}
