// The queue of a session that has come back, sent before anything that arrives meanwhile [MQTT-4.6.0-6]. It lets nothing
// reach the client before its CONNACK [MQTT-3.2.0-1].
//
// aedes restores subscriptions first, and then sends the queue, one message to a commit, while new messages overtake it. Here
// a new message that is in the queue too is left to it, until a page of the queue is empty: from then on messages go straight
// to the client again, by the same way as the queue's, so they stay behind them.
import { type Allowance, costOfBytes, costs } from '../../domain/costs.ts';
import { cutWithinMs } from '../../domain/untaken.ts';
import { drained } from '../../pacing/drained.ts';
import type { Deliver, MqttSession, PublishPacket } from '../../ports/mqtt-packets.ts';
import type { Arrivals } from './arrivals.ts';
import type { MqttOutgoing, Position, QueuedRow } from './outgoing.ts';
import { nextTurn, payloadBytes, settled } from './packet.ts';

/** How long a queue is held back for the sake of a renewal: the slowest devices are through with it by then. */
const heldMs = 60_000;
const messageIdMax = 65_535;
const pubrel = 0x62;
/** What is written before the socket is asked again whether it takes more: its own high-water mark. */
const bytesAtOnce = 16_384;

export interface BacklogParts {
  readonly outgoing: MqttOutgoing;
  readonly arrivals: Arrivals;
  readonly submit: (work: () => void) => Promise<void>;
  /** Who comes for its queue pays for the sending. */
  readonly allowanceOf: (clientId: string) => Allowance | undefined;
}

export class Backlog {
  readonly #session: MqttSession;
  readonly #outgoing: MqttOutgoing;
  readonly #arrivals: Arrivals;
  readonly #submit: BacklogParts['submit'];
  readonly #allowanceOf: BacklogParts['allowanceOf'];
  #state: 'connecting' | 'sending' | 'sent' = 'connecting';
  #sentTo: Position = { boot: 0, counter: 0 };
  /** Messages of this start that were sent from the queue before aedes has handed them out. */
  readonly #ahead = new Set<number>();
  /** The first that was sent, and when; null: nothing was yet. */
  #first: (Position & { readonly at: number }) | null = null;
  /** Identifiers under which messages were sent; null once one was acknowledged. */
  #unanswered: Set<number> | null = new Set();
  readonly #cameAt = performance.now();
  /** Called when the first acknowledgement comes, and when the connection has ended. */
  #wake: (() => void) | null = null;

  /** To be called before the session's subscriptions are restored. */
  constructor(session: MqttSession, { outgoing, arrivals, submit, allowanceOf }: BacklogParts) {
    this.#session = session;
    this.#outgoing = outgoing;
    this.#arrivals = arrivals;
    this.#submit = submit;
    this.#allowanceOf = allowanceOf;
    const unlessLeft = (deliver: Deliver): Deliver => {
      return (packet, done) => (this.#isLeft(packet) ? void setImmediate(done) : deliver(packet, done));
    };
    session.deliver0 = unlessLeft(session.deliver0);
    session.deliverQoS = unlessLeft(session.deliverQoS);
  }

  /**
   * Sends the queue; to be called after CONNACK. A failure of the store ends the connection. `withCare`: the first message may be one that
   * the client cannot take: what follows it waits for its acknowledgement, and it waits for a while where it must be held back.
   */
  send(withCare: { readonly mustHold: () => Promise<boolean> } | null): void {
    this.#state = 'sending';
    const before = withCare ? this.#sendFirst(withCare.mustHold) : settled;
    before.then(() => this.#sendAll()).catch((error: Error) => this.#session.conn.destroy(error));
  }

  /** The client acknowledges a message. True: it is the first acknowledgement, and the message was of the queue. */
  acknowledged(messageId: number | undefined): boolean {
    if (messageId === undefined || !this.#unanswered?.has(messageId)) return false;
    this.#unanswered = null;
    this.#wake?.();
    return true;
  }

  /** The connection has ended. @returns the message that was sent first, where none has been acknowledged. */
  ended(): { readonly place: Position; readonly cameAt: number; readonly sentAt: number } | null {
    this.#wake?.();
    if (!this.#first || !this.#unanswered) return null;
    return { place: this.#first, cameAt: this.#cameAt, sentAt: this.#first.at };
  }

  /** Is the message left to the queue, or nobody's yet? */
  #isLeft({ brokerCounter, messageId, qos }: PublishPacket): boolean {
    if (this.#state === 'connecting') return true;
    // From the queue itself, or never in one.
    if (messageId !== undefined || brokerCounter === undefined) return false;
    if (this.#ahead.has(brokerCounter)) return true;
    if (this.#state === 'sent' || !qos) return false;
    if (this.#outgoing.isBehind(this.#sentTo, brokerCounter)) return false;
    return this.#outgoing.holds(this.#session.id, brokerCounter);
  }

  async #sendFirst(mustHold: () => Promise<boolean>): Promise<void> {
    const { id } = this.#session;
    if (await mustHold()) await this.#pause(heldMs);
    const page = this.#session.closed ? [] : this.#outgoing.page(id, this.#sentTo);
    // What is owed of those it has is small.
    const first = page.slice(0, page.findIndex(({ packet }) => packet.cmd === 'publish') + 1);
    if (first.length === 0) return;
    this.#pass(first);
    await this.#sendPage(first);
    await this.#pause(cutWithinMs);
  }

  /** Waits so long, or for an acknowledgement of the queue or the end of the connection. */
  #pause(ms: number): Promise<void> {
    if (!this.#unanswered || this.#session.closed) return settled;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), ms);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
    });
  }

  async #sendAll(): Promise<void> {
    const { id } = this.#session;
    const allowance = this.#allowanceOf(id);
    while (!this.#session.closed) {
      await allowance?.turn(costs.packet);
      const page = this.#outgoing.has(id) ? this.#outgoing.page(id, this.#sentTo) : [];
      if (page.length === 0) {
        this.#state = 'sent';
        return;
      }
      allowance?.spend(costOf(page));
      this.#pass(page);
      await this.#sendPage(page);
      // Who was told of the last commit hands out first, so that what is not expected any more has been handed out.
      await nextTurn();
    }
  }

  #pass(page: readonly QueuedRow[]): void {
    for (const number of this.#ahead) if (!this.#arrivals.isExpected(number)) this.#ahead.delete(number);
    for (const row of page) {
      if (row.boot === this.#outgoing.boot && this.#arrivals.isExpected(row.counter)) this.#ahead.add(row.counter);
      this.#sentTo = row;
    }
  }

  async #sendPage(page: readonly QueuedRow[]): Promise<void> {
    // [MQTT-3.3.1-1]
    for (const { packet } of page) if (packet.cmd === 'publish') packet.dup = packet.messageId !== undefined;
    await this.#identify(page.filter(({ packet }) => packet.messageId === undefined));
    const first = page.find(({ packet }) => packet.cmd === 'publish');
    if (first) this.#first ??= { boot: first.boot, counter: first.counter, at: performance.now() };
    for (const { packet } of page) if (packet.messageId !== undefined) this.#unanswered?.add(packet.messageId);
    let writing: (Promise<void> | undefined)[] = [];
    let bytes = 0;
    for (const { packet } of page) {
      writing.push(this.#write(packet));
      bytes += packet.cmd === 'publish' ? payloadBytes(packet.payload) : 0;
      if (bytes < bytesAtOnce) continue;
      await Promise.all(writing);
      // A queue may be more than a socket is to hold. The broker ends who takes nothing for long, so this ends too.
      await drained(this.#session.conn);
      writing = [];
      bytes = 0;
    }
    await Promise.all(writing);
    await drained(this.#session.conn);
  }

  /** Packet identifiers are noted for the whole page at once, before anything of it is sent. */
  async #identify(fresh: readonly QueuedRow[]): Promise<void> {
    if (fresh.length === 0) return;
    const session = this.#session;
    await this.#submit(() => {
      for (const { boot, counter, packet } of fresh) {
        packet.messageId = session._nextId;
        session._nextId = (session._nextId % messageIdMax) + 1;
        this.#outgoing.assign(session.id, boot, counter, packet);
      }
    });
  }

  #write(packet: QueuedRow['packet']): Promise<void> | undefined {
    if (packet.cmd === 'publish') return new Promise((resolve) => this.#session.deliverQoS(packet, resolve));
    const { messageId = 0 } = packet;
    if (!this.#session.closed) this.#session.conn.write(Buffer.from([pubrel, 2, messageId >> 8, messageId & 0xff]));
    return undefined;
  }
}

/** Each is noted under its identifier, and handed over. */
function costOf(page: readonly QueuedRow[]): number {
  let bytes = 0;
  for (const { packet } of page) bytes += packet.cmd === 'publish' ? payloadBytes(packet.payload) : 0;
  return page.length * (costs.row + costs.write + costs.delivery) + costOfBytes(bytes);
}
