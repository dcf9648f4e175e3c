// Messages between their arrival and the moment aedes hands them out, kept in the order in which their client sent them
// [MQTT-4.6.0-6]. It never holds back one client's messages for another's.
//
// aedes takes a QoS 1 message through its PUBACK, a QoS 2 message through its receipt, a retained one through the store, and
// one that needs none of this straight on: whichever path is shorter overtakes. So a message that takes a path is noted as it
// arrives, under the number (brokerCounter) that aedes's copies of it keep, and at the end of its path waits for those of its
// client that came before. It is noted until it was handed to everybody, which may take turns. While the connection lives every message gets there, or ends the connection; once it has closed
// and all that was on its way to the store has got there, none is waited for any longer.
import type { Emit, MqttBroker, MqttClient, PublishPacket } from '../../ports/mqtt-packets.ts';
import { nextTurn } from './packet.ts';

interface Message {
  readonly lane: Lane;
  readonly number: number;
  /** Is it in the store, or on its way there? */
  stored: boolean;
  /** Set at the end of its path, where it waits for others: aedes's copy, and whom to call back when it was handed out. */
  ready: PublishPacket | null;
  done: (() => void) | undefined;
  next: Message | null;
}

/** What one connection has sent and was not handed out yet, in the order in which it came. */
interface Lane {
  first: Message | null;
  last: Message | null;
  /** Resolves when the store has answered for all of them, whatever it answered. */
  answered: Promise<void> | null;
  closed: boolean;
}

/**
 * Messages by number; numbers only grow. Not a Map: one that takes in and gives up a message at a time is copied to a new table
 * again and again, and each old table keeps what was in it until the collector turns to the old generation.
 */
class Window {
  #slots: (Message | undefined)[] = new Array(1_024).fill(undefined);
  #size = 0;

  get(number: number | undefined): Message | undefined {
    if (this.#size === 0 || number === undefined) return undefined;
    const message = this.#slots[number % this.#slots.length];
    return message?.number === number ? message : undefined;
  }

  add(message: Message): void {
    while (this.#slots[message.number % this.#slots.length]) this.#grow();
    this.#slots[message.number % this.#slots.length] = message;
    this.#size += 1;
  }

  delete({ number }: Message): void {
    this.#slots[number % this.#slots.length] = undefined;
    this.#size -= 1;
  }

  #grow(): void {
    const slots = new Array(this.#slots.length * 2).fill(undefined);
    for (const message of this.#slots) if (message) slots[message.number % slots.length] = message;
    this.#slots = slots;
  }
}

const ignore = (): void => undefined;

export class Arrivals {
  readonly #broker: MqttBroker;
  readonly #emit: Emit;
  readonly #written: () => Promise<void>;
  readonly #lanes = new WeakMap<MqttClient, Lane>();
  readonly #messages = new Window();
  /** Numbers of messages that are stored and wait for none of their client's: wills. */
  readonly #others = new Set<number>();

  /** `written` resolves when all that was given to the store before has been committed. */
  constructor(broker: MqttBroker, written: () => Promise<void>) {
    this.#broker = broker;
    this.#written = written;
    const emit = broker.mq.emit.bind(broker.mq);
    this.#emit = emit;
    broker.mq.emit = (packet, done) => {
      const message = packet.brokerId === broker.id ? this.#messages.get(packet.brokerCounter) : undefined;
      if (!message) return this.#handOther(packet, done);
      message.ready = packet;
      message.done = done;
      return this.#handInTurn(message.lane);
    };
  }

  /** The packet's number, given now if it has none. */
  number(packet: PublishPacket): number {
    packet.brokerCounter ??= ++this.#broker.counter;
    return packet.brokerCounter;
  }

  /** To be called as the message arrives, before anything is awaited. */
  note(client: MqttClient, packet: PublishPacket): void {
    const lane = this.#laneOf(client);
    if (lane.closed) return;
    const message: Message = {
      lane,
      number: this.number(packet),
      stored: false,
      ready: null,
      done: undefined,
      next: null,
    };
    if (lane.last) lane.last.next = message;
    else lane.first = message;
    lane.last = message;
    this.#messages.add(message);
  }

  /** Has this client sent messages that were not handed out yet? */
  isBusy(client: MqttClient): boolean {
    return (this.#lanes.get(client)?.first ?? null) !== null;
  }

  /**
   * What a message's acknowledgement is to wait for, null for nothing: `stored`, but not before the store has answered for
   * the client's earlier messages, because they are acknowledged in the order in which they came [MQTT-4.6.0-2, 3].
   */
  inTurn(client: MqttClient, stored: Promise<void> | null): Promise<void> | null {
    const lane = this.#laneOf(client);
    const before = lane.answered;
    if (!stored) return before;
    // It may fail before anybody looks at it.
    stored.catch(ignore);
    const own = before ? before.then(() => stored) : stored;
    const settle = (): void => {
      if (lane.answered === answered) lane.answered = null;
    };
    const answered: Promise<void> = own.then(settle, settle);
    lane.answered = answered;
    return own;
  }

  /** The message is stored now, for everybody: when aedes asks for it later, nothing is written again. Returns its number. */
  expect(packet: PublishPacket): number {
    const number = this.number(packet);
    const message = this.#messages.get(number);
    if (message) message.stored = true;
    else this.#others.add(number);
    return number;
  }

  /** Is the message stored, and not handed out to everybody yet? Who is subscribed will be given it then. */
  isExpected(number: number | undefined): boolean {
    return this.#messages.get(number)?.stored === true || (this.#others.size > 0 && this.#others.has(number ?? 0));
  }

  /** It could not be stored, and is not handed out. */
  forget({ brokerCounter = 0 }: PublishPacket): void {
    this.#others.delete(brokerCounter);
  }

  #laneOf(client: MqttClient): Lane {
    let lane = this.#lanes.get(client);
    if (!lane) {
      lane = { first: null, last: null, answered: null, closed: false };
      this.#lanes.set(client, lane);
      client.conn?.once('close', this.#end.bind(this, lane));
    }
    return lane;
  }

  /** Hands out the first of the lane's messages, as far as they are there. */
  #handInTurn(lane: Lane): void {
    while (lane.first?.ready) this.#handFirst(lane, lane.first);
  }

  /** Takes the first from its lane, and hands it out if it is there. */
  #handFirst(lane: Lane, message: Message): void {
    lane.first = message.next;
    if (!lane.first) lane.last = null;
    const { ready, done } = message;
    // What the collector has promoted by then would keep all that it leads to.
    message.next = null;
    message.ready = null;
    message.done = undefined;
    const handed = ready && this.#emit(ready, done);
    if (handed instanceof Promise) handed.then(() => this.#messages.delete(message));
    else this.#messages.delete(message);
  }

  #handOther(packet: PublishPacket, done: (() => void) | undefined): unknown {
    const { brokerCounter = 0 } = packet;
    const handed = this.#emit(packet, done);
    if (!this.#others.has(brokerCounter)) return handed;
    if (handed instanceof Promise) handed.then(() => this.#others.delete(brokerCounter));
    else this.#others.delete(brokerCounter);
    return handed;
  }

  async #end(lane: Lane): Promise<void> {
    lane.closed = true;
    if (!lane.first) return;
    await this.#written().catch(ignore);
    await nextTurn();
    while (lane.first) this.#handFirst(lane, lane.first);
  }
}
