// Keeps what is stored and what aedes hands to live sessions in step.
//
// aedes numbers a packet (brokerCounter) when it is published, and each session drops a packet whose number is not above
// the last one it was handed (`dedupe`: meant for overlapping subscriptions). Between numbering and handing over lies the
// store. A packet that waited for a commit would therefore be overtaken, and then dropped as a duplicate. So a packet is
// given a new number at the moment aedes hands it out, if any other number was given out since: with mq.concurrency 0 every
// session sees the packet within that same call, and no session can have seen that number. The rows keep the number under
// which they were stored; the new one leads back to it while aedes asks for the row, which is within two turns.
//
// A packet that is stored and not yet handed out is "expected": nothing of it is written a second time, and a session that
// comes back and empties its queue leaves it alone, because it is subscribed by then and will be handed the packet itself.
import { GatewayError } from '../domain/errors.ts';
import { type MqttBroker, nextTurn, type PublishPacket } from './mqtt-packet.ts';

/** Longer than aedes waits for a socket to drain: a packet that was not handed out by then never will be. */
const expectedMs = 30_000;
const expectedMax = 65_536;

export class Emission {
  readonly #broker: MqttBroker;
  readonly #expected = new Map<number, number>();
  readonly #storedAs = new Map<number, number>();

  /** @throws GatewayError `mqtt_concurrency` when aedes may hold packets back between numbering and handing out. */
  constructor(broker: MqttBroker) {
    if (broker.mq.concurrency) {
      throw new GatewayError(
        'mqtt_concurrency',
        'aedes must be created with concurrency 0, or it reorders what it sends',
      );
    }
    this.#broker = broker;
    const emit = broker.mq.emit.bind(broker.mq);
    broker.mq.emit = (packet, done) => {
      this.renumber(packet);
      return emit(packet, done);
    };
  }

  /** The packet's number, given now if it has none. aedes's copies of the packet keep it. */
  number(packet: PublishPacket): number {
    packet.brokerCounter ??= ++this.#broker.counter;
    return packet.brokerCounter;
  }

  /** The packet is in the store, or on its way there, and has yet to be handed out. */
  expect(counter: number): void {
    const now = performance.now();
    for (const [oldest, since] of this.#expected) {
      if (since > now - expectedMs && this.#expected.size < expectedMax) break;
      this.#expected.delete(oldest);
    }
    this.#expected.set(counter, now);
  }

  unexpect(counter: number): void {
    this.#expected.delete(counter);
  }

  isExpected(counter: number | undefined): boolean {
    if (counter === undefined || this.#expected.size === 0) return false;
    const since = this.#expected.get(counter);
    return since !== undefined && since > performance.now() - expectedMs;
  }

  /** Gives the packet the highest number there is, unless it has it. To be followed by handing it out, in the same turn. */
  renumber(packet: PublishPacket): void {
    const stored = packet.brokerCounter;
    if (stored === undefined) return;
    if (this.#expected.size > 0) this.#expected.delete(stored);
    if (stored >= this.#broker.counter) return;
    const current = ++this.#broker.counter;
    packet.brokerCounter = current;
    if (!packet.qos) return;
    this.#storedAs.set(current, stored);
    void nextTurn()
      .then(nextTurn)
      .then(() => this.#storedAs.delete(current));
  }

  /** The number under which the packet was stored. */
  storedCounter(counter: number): number {
    return this.#storedAs.get(counter) ?? counter;
  }
}
