// The shapes in which the broker hands over clients, packets and itself to whoever keeps its sessions and messages. They are aedes's own,
// as far as they are read.

/** A client as aedes passes it. Without `clean` it counts as a session that outlives its connection. */
export interface MqttClient {
  readonly id: string;
  readonly clean?: boolean | undefined;
  /** Its connection; who is only named has none. */
  readonly conn?: { once(event: 'close', listener: () => void): unknown } | undefined;
}

/** The stream on which a session is sent its messages. */
export interface Outlet {
  readonly writableNeedDrain: boolean;
  readonly destroyed: boolean;
  write(bytes: Uint8Array): boolean;
  destroy(error?: Error): unknown;
  once(event: 'drain' | 'close', listener: () => void): unknown;
  off(event: 'drain' | 'close', listener: () => void): unknown;
}

/** A live client, as far as its queue is sent to it here. */
export interface MqttSession extends MqttClient {
  readonly closed: boolean;
  readonly conn: Outlet;
  /** The packet identifier aedes gives next. */
  _nextId: number;
  deliver0: Deliver;
  deliverQoS: Deliver;
}

/** Hands a message to one client; calls back when it was written, or never will be. */
export type Deliver = (packet: DeliveredPacket, done: () => void) => void;

export type Qos = 0 | 1 | 2;
export type Payload = Buffer | string;

/** A PUBLISH: aedes's own packet, one parsed from the wire, or a will. aedes numbers it with brokerId and brokerCounter. */
export interface PublishPacket {
  cmd?: 'publish' | undefined;
  topic: string;
  payload: Payload;
  qos?: Qos | undefined;
  retain?: boolean | undefined;
  dup?: boolean | undefined;
  messageId?: number | undefined;
  brokerId?: string | undefined;
  brokerCounter?: number | undefined;
  /** Who published it. */
  clientId?: string | undefined;
  length?: number | undefined;
}

/** A packet on its way to one client, whose own copy it is. */
export interface DeliveredPacket extends PublishPacket {
  qos: Qos;
}

/** What is owed to a client that already has a QoS 2 message. */
export interface PubrelPacket {
  cmd: 'pubrel';
  messageId?: number | undefined;
}

/** The packet identifier alone: all that a PUBACK, a PUBCOMP or a PUBREL brings. */
export interface Acknowledgement {
  readonly messageId?: number | undefined;
}

export type Emit = (packet: PublishPacket, done?: () => void) => unknown;

/** aedes, as far as the persistence reaches into it. */
export interface MqttBroker {
  readonly id: string;
  /** The last brokerCounter given out. */
  counter: number;
  readonly mq: { emit: Emit };
  /** Where what nobody asked for fails. */
  emit(event: 'error', error: Error): unknown;
}

/** What a session that has no subscriptions is given, so that aedes finds that it is there. The broker grants it to nobody. */
export const keptSessionFilter = '$SYS/nolapse/kept';
