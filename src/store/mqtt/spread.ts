// Puts a message into the queues of all stored sessions that are to have it later. Few are written in one unit of work; many in several, in
// turns that its publisher pays for, and acknowledged after the last. Between two units there is a row that says how far it got: after
// a crash the next start goes on from there, so that nobody misses the message or has it twice.
import { setTimeout as delay } from 'node:timers/promises';
import { type Allowance, costOfBytes, costs, unitsPerTurn } from '../../domain/costs.ts';
import { NolapseError } from '../../domain/errors.ts';
import type { PublishPacket } from '../../ports/mqtt-packets.ts';
import type { MatchedSubscription, Recipient } from '../../ports/mqtt-persistence.ts';
import type { MqttOutgoing, Position } from './outgoing.ts';
import { messageBytes, settled } from './packet.ts';
import type { MqttSpreadRows } from './spread-rows.ts';
import type { MqttSubscriptions } from './subscriptions.ts';

/** Nodes of the filters that are looked at together. */
const nodesAtOnce = 256;
/** Units of work that wait for a store which takes nothing are tried again so often. */
const retryMs = 1_000;

export interface SpreadOptions {
  readonly subscriptions: MqttSubscriptions;
  readonly outgoing: MqttOutgoing;
  readonly rows: MqttSpreadRows;
  readonly submit: <T>(work: () => T) => Promise<T>;
  readonly mayReceive: (clientId: string, topic: string) => boolean;
  readonly allowanceOf: (clientId: string) => Allowance | undefined;
  readonly onFull: (clientId: string, packet: PublishPacket) => void;
}

/** What is done beside the queues in the first unit of work; `isRetained`: some of it outlives the message's way to its subscribers. */
export interface Beside {
  readonly write: () => void;
  readonly isRetained: boolean;
}

/** A message on its way into queues. */
interface Spreading {
  readonly packet: PublishPacket;
  readonly place: Position;
  readonly allowance: Allowance | undefined;
}

export class MqttSpread {
  readonly #options: SpreadOptions;
  /** By publisher, what is written in turns: its next message is written behind it. */
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(options: SpreadOptions) {
    this.#options = options;
  }

  /** @param number gives the message its number; called where there is anything to store. @returns null where there is nothing to write. */
  store(packet: PublishPacket, number: () => number, beside: Beside | null): Promise<void> | null {
    const { subscriptions, allowanceOf } = this.#options;
    const walk = subscriptions.walk(packet.topic);
    const found: MatchedSubscription[] = [];
    const nodes = walk.step(nodesAtOnce, found);
    if (walk.isOver) return this.#put(found, packet, number, beside, nodes);
    const allowance = allowanceOf(packet.clientId ?? '');
    const place = this.#place(number);
    return this.#behind(packet, async () => {
      while (!walk.isOver) {
        await allowance?.finish(nodesAtOnce * costs.row);
        walk.step(nodesAtOnce, found);
      }
      await this.#inTurns({ packet, place, allowance }, found, beside);
    });
  }

  /** The same for those who are named, whether or not they are subscribed. */
  enqueue(recipients: readonly Recipient[], packet: PublishPacket, number: () => number): Promise<void> {
    const many = this.#many(recipients, packet, number, null);
    if (many) return many;
    const allowed = this.#allowed(recipients, packet);
    return allowed.length === 0 ? settled : this.#few(allowed, packet, number, null, 0);
  }

  #put(
    found: readonly Recipient[],
    packet: PublishPacket,
    number: () => number,
    beside: Beside | null,
    nodes: number,
  ): Promise<void> | null {
    const many = this.#many(found, packet, number, beside);
    if (many) return many;
    const recipients = this.#allowed(found, packet);
    if (recipients.length === 0 && !beside?.isRetained) return beside && this.#options.submit(beside.write);
    return this.#few(recipients, packet, number, beside, nodes);
  }

  /** Null: they are few, and nothing of their publisher's is under way. */
  #many(
    found: readonly Recipient[],
    packet: PublishPacket,
    number: () => number,
    beside: Beside | null,
  ): Promise<void> | null {
    const by = packet.clientId ?? '';
    if (found.length <= atOnce(packet) && (found.length === 0 || !this.#underWay.has(by))) return null;
    const spreading = { packet, place: this.#place(number), allowance: this.#options.allowanceOf(by) };
    return this.#behind(packet, () => this.#inTurns(spreading, [...found], beside));
  }

  #few(
    recipients: readonly Recipient[],
    packet: PublishPacket,
    number: () => number,
    beside: Beside | null,
    nodes: number,
  ): Promise<void> {
    const { submit, allowanceOf } = this.#options;
    const place = this.#place(number);
    const rows = recipients.length + (beside ? 1 : 0);
    allowanceOf(packet.clientId ?? '')?.spend(nodes * costs.row + costOf(rows, packet));
    return submit(() => {
      beside?.write();
      this.#enqueue(nodes > 0 ? this.#subscribed(recipients) : recipients, packet, place);
    });
  }

  #place(number: () => number): Position {
    return { boot: this.#options.outgoing.boot, counter: number() };
  }

  /** Begins when what its publisher sent before has been written. */
  #behind({ clientId = '' }: PublishPacket, write: () => Promise<void>): Promise<void> {
    const before = this.#underWay.get(clientId) ?? settled;
    const stored = before.then(write, write);
    this.#underWay.set(clientId, stored);
    const end = (): void => {
      if (this.#underWay.get(clientId) === stored) this.#underWay.delete(clientId);
    };
    stored.then(end, end);
    return stored;
  }

  /** Goes on with what an earlier start did not get to the end of. To be called before anybody is served. */
  async resume(): Promise<void> {
    const { subscriptions, rows } = this.#options;
    for (const { packet, place, after } of rows.all()) {
      const found = subscriptions.matching(packet.topic).filter(({ clientId }) => clientId > after);
      await this.#inTurns({ packet, place, allowance: undefined }, found, null);
      await this.#options.submit(() => rows.delete(place));
    }
  }

  async #inTurns(spreading: Spreading, found: Recipient[], beside: Beside | null): Promise<void> {
    const { submit, rows } = this.#options;
    const { packet, place, allowance } = spreading;
    found.sort((a, b) => (a.clientId < b.clientId ? -1 : a.clientId > b.clientId ? 1 : 0));
    let from = 0;
    do {
      const isFirst = from === 0;
      const to = endOfPage(found, from + atOnce(packet));
      const page = found.slice(from, to);
      await allowance?.finish(costOf(page.length, packet));
      const write = (): void => {
        if (isFirst) beside?.write();
        this.#enqueue(this.#subscribed(this.#allowed(page, packet)), packet, place);
        const last = page.at(-1);
        if (last && to < found.length) rows.put(place, packet, last.clientId);
        else if (!isFirst) rows.delete(place);
      };
      await (isFirst ? submit(write) : this.#insist(write));
      from = to;
    } while (from < found.length);
  }

  /** Begun is to be ended: what fails is tried again until the store is closed, and the next start goes on with it then. */
  async #insist(work: () => void): Promise<void> {
    for (;;) {
      try {
        return await this.#options.submit(work);
      } catch (error) {
        if (error instanceof NolapseError && error.code === 'store_closed') throw error;
        await delay(retryMs, undefined, { ref: false });
      }
    }
  }

  /** Not what a session may not have, nor what a bridge said itself. */
  #allowed(recipients: readonly Recipient[], { topic, clientId: by }: PublishPacket): readonly Recipient[] {
    return recipients.filter(
      ({ clientId, nl }) => !(nl && clientId === by) && this.#options.mayReceive(clientId, topic),
    );
  }

  /** Who was forgotten, or began anew, while the message waited is owed nothing. */
  #subscribed(recipients: readonly Recipient[]): readonly Recipient[] {
    return recipients.filter(({ clientId }) => this.#options.subscriptions.has(clientId));
  }

  /** Part of a unit of work. */
  #enqueue(recipients: readonly Recipient[], packet: PublishPacket, place: Position): void {
    const { outgoing, onFull } = this.#options;
    for (const clientId of outgoing.enqueue(recipients, packet, place)) onFull(clientId, packet);
  }
}

/** Subscriptions to which the message is written in one unit of work. */
function atOnce(packet: PublishPacket): number {
  return Math.max(1, Math.floor(unitsPerTurn / costOf(1, packet)));
}

function costOf(rows: number, packet: PublishPacket): number {
  return rows * (costs.write + costOfBytes(messageBytes(packet)));
}

/** All of a session's subscriptions are looked at together. */
function endOfPage(found: readonly Recipient[], least: number): number {
  let end = Math.min(found.length, least);
  while (end < found.length && found[end]?.clientId === found[end - 1]?.clientId) end += 1;
  return end;
}
