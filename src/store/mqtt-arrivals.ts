// Messages between their arrival and the moment aedes hands them out, kept in the order in which their client sent them
// [MQTT-4.6.0-6]. It never holds back one client's messages for another's.
//
// aedes takes a QoS 1 message through its PUBACK, a QoS 2 message through its receipt, a retained one through the store, and
// one that needs none of this straight on: whichever path is shorter overtakes. So a message that takes a path is noted as it
// arrives, under the number (brokerCounter) that aedes's copies of it keep, and at the end of its path waits for those of its
// client that came before. While the connection lives every message gets there, or ends the connection; once it has closed
// and all that was on its way to the store has got there, none is waited for any longer.
import { type MqttBroker, type MqttClient, nextTurn, type PublishPacket } from './mqtt-packet.ts';

interface Message {
  readonly lane: Lane;
  /** Is it in the store, or on its way there? */
  stored: boolean;
  /** Hands it out. Set at the end of its path, where it waits for others. */
  hand: (() => void) | null;
}

/** What one connection has sent and was not handed out yet: by number, in the order in which it came. */
class Lane {
  readonly messages = new Map<number, Message>();
  /** Resolves when the store has answered for all of them, whatever it answered. */
  answered: Promise<void> | null = null;
  closed = false;
}

const ignore = (): void => undefined;

export class Arrivals {
  readonly #broker: MqttBroker;
  readonly #written: () => Promise<void>;
  readonly #lanes = new WeakMap<MqttClient, Lane>();
  readonly #messages = new Map<number, Message>();

  /** `written` resolves when all that was given to the store before has been committed. */
  constructor(broker: MqttBroker, written: () => Promise<void>) {
    this.#broker = broker;
    this.#written = written;
    const emit = broker.mq.emit.bind(broker.mq);
    broker.mq.emit = (packet, done) => {
      const message = packet.brokerId === broker.id ? this.#noted(packet.brokerCounter) : undefined;
      if (!message) return emit(packet, done);
      message.hand = () => emit(packet, done);
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
    const number = this.number(packet);
    const message = { lane, stored: false, hand: null };
    lane.messages.set(number, message);
    this.#messages.set(number, message);
  }

  /** Has this client sent messages that were not handed out yet? */
  isBusy(client: MqttClient): boolean {
    return (this.#lanes.get(client)?.messages.size ?? 0) > 0;
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
    const message = this.#noted(number);
    if (message) message.stored = true;
    return number;
  }

  /** Is the message stored, and still to be handed out? Who is subscribed will be given it then. */
  isExpected(number: number | undefined): boolean {
    return this.#noted(number)?.stored === true;
  }

  #noted(number: number | undefined): Message | undefined {
    return number === undefined || this.#messages.size === 0 ? undefined : this.#messages.get(number);
  }

  #laneOf(client: MqttClient): Lane {
    let lane = this.#lanes.get(client);
    if (!lane) {
      lane = new Lane();
      this.#lanes.set(client, lane);
      client.conn?.once('close', this.#end.bind(this, lane));
    }
    return lane;
  }

  /** Hands out the first of the lane's messages, as far as they are there. */
  #handInTurn({ messages }: Lane): void {
    for (const [number, { hand }] of messages) {
      if (!hand) return;
      messages.delete(number);
      this.#messages.delete(number);
      hand();
    }
  }

  async #end(lane: Lane): Promise<void> {
    lane.closed = true;
    if (lane.messages.size === 0) return;
    await this.#written().catch(ignore);
    await nextTurn();
    for (const [number, { hand }] of lane.messages) {
      lane.messages.delete(number);
      this.#messages.delete(number);
      hand?.();
    }
  }
}
