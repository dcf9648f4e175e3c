// The members of aedes 1.2.0 that its types leave out and this folder relies on, named in one place. A test holds each to
// what is used here.
import type { Duplex } from 'node:stream';
import type { Aedes, AedesOptions, Client } from 'aedes';
import type { DeliveredPacket } from '../ports/mqtt-packets.ts';

export type PublishPacket = Parameters<NonNullable<AedesOptions['authorizePublish']>>[1];

export type ConnectPacket = Parameters<NonNullable<AedesOptions['preConnect']>>[1];

export type Qos = 0 | 1 | 2;

/** The return code of SUBACK for a filter that is not granted (MQTT 3.1.1, 3.9.3). */
export const failure = 128;

export interface LiveSubscription {
  qos: Qos;
}

interface Delivered extends DeliveredPacket {
  /** It came by a subscription that is not given what its own client published. */
  nl?: boolean | undefined;
}

/** Hands one message to one client. The packet is the client's own copy. */
type Deliver = (packet: Delivered, done: () => void) => void;

export interface BrokerClient extends Client {
  readonly conn: Duplex;
  readonly _parser: PacketParser;
  /** Ends the client when it has been silent for too long; null once it has closed, and before CONNECT. */
  _keepaliveTimer: NodeJS.Timeout | null;
  /** So many milliseconds; -1: none. Each packet starts the timer anew. */
  _keepaliveInterval: number;
  /** The will that the client left with its CONNECT, and the one that is published if it does not say DISCONNECT. */
  _will: ConnectPacket['will'];
  will: ConnectPacket['will'] | null;
  /** Is it registered under its id, and to be removed from there? */
  _authorized: boolean;
  /** Packets that come before are queued, and handled at the event `connected`. */
  connackSent: boolean;
  /** Nothing is read. */
  _paused: boolean;
  /** Did it say DISCONNECT? */
  readonly _disconnected: boolean;
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

/** mqtt-packet's parser, one a connection; `this` of its own methods. */
export interface PacketParser {
  /** Of the current packet's body, where the next byte is read. */
  _pos: number;
  readonly _list: { readonly length: number; readUInt8(at: number): number; slice(from: number, to: number): Buffer };
  /** Which part of a packet is read next: its first byte, its length, its body. */
  readonly _stateCounter: number;
  readonly settings: { readonly bridgeMode?: boolean; readonly protocolVersion?: number };
  /** What is asked of the connection's session as filters are parsed; set by this folder. */
  filters?: {
    /** So many that differ may be granted or refused. */
    readonly most: number;
    has(filter: string): boolean;
    /** So many have come in one packet. */
    count(filters: number): void;
  };
  /** What was found wrong; nothing more is parsed. */
  readonly error: Error | null;
  packet: PublishPacket & {
    length: number;
    protocolVersion?: number;
    clientId?: string;
    subscriptions: { topic: string; readonly qos: number }[];
    unsubscriptions: string[];
  };
  parse(bytes: Uint8Array): number;
  _emitError(error: Error): void;
  _parseString(): string | null;
  _parseMessageId(): boolean;
  _parsePublish(): void;
  _parseConfirmation(): void;
  _parseSubscribe(): void;
  _parseUnsubscribe(): void;
  _parseConnect(): void;
  /** Called with each packet, before aedes's own listener takes it. */
  prependOnceListener(event: 'packet', listener: (packet: PublishPacket) => void): unknown;
  emit(event: 'packet', packet: object): unknown;
}

/** What aedes has mqtt-packet write to a client. */
export interface WrittenPacket {
  readonly cmd?: string | undefined;
  readonly topic?: unknown;
  readonly payload?: unknown;
  readonly qos?: Qos | undefined;
  readonly retain?: boolean | undefined;
  readonly dup?: boolean | undefined;
  readonly messageId?: number | undefined;
}

export type DrainCallback = (error: Error | null, client: BrokerClient) => void;

export interface BrokerInternals {
  /** Enters it under its id, ends who is there, and publishes its coming under $SYS/. */
  registerClient(client: BrokerClient): void;
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
