// Hands each message to the subscriptions that match it, in the place of aedes's own emitter. Looking for them and handing on is charged
// to the principal whose message it is; what is more than it may cause in a turn goes on in turns to come, one of its messages after
// another [MQTT-4.6.0-6]. What the broker itself says waits for nothing.

import { costs } from '../domain/costs.ts';
import { FilterTree, type FilterWalk } from '../domain/filter-tree.ts';
import type { Budget } from './budget.ts';

/** What of a packet is looked at here. */
export interface Handed {
  readonly topic: string;
  readonly clientId?: string | undefined;
}

type Done = (error?: Error) => void;
type Take<Packet> = (packet: Packet, done: () => void) => void;

/** Who subscribed: called with each message, until the subscription ends. */
interface Listener<Packet> {
  readonly take: Take<Packet>;
  isGone: boolean;
}

/** Nodes of the tree that are looked at together. */
const nodesAtOnce = 64;

const ignore = (): void => undefined;

export class FanOut<Packet extends Handed> {
  readonly #tree = new FilterTree<Take<Packet>, Listener<Packet>>();
  readonly #budgetOf: (clientId: string) => Budget;
  /** Messages that wait, by whose they are; the first of each is under way. */
  readonly #lanes = new Map<Budget, Handing<Packet>[]>();
  /** What is handed on, and who pays, while a listener is told. */
  #current: Handing<Packet> | null = null;
  #payer: Budget | null = null;
  #isClosed = false;

  /** @param budgetOf that of the principal to whom the session with this name belongs, or belonged. */
  constructor(budgetOf: (clientId: string) => Budget) {
    this.#budgetOf = budgetOf;
  }

  /** Messages that wait, or are handed on in turns. */
  get waiting(): number {
    let count = 0;
    for (const lane of this.#lanes.values()) count += lane.length;
    return count;
  }

  /** Levels kept for filters. */
  get nodes(): number {
    return this.#tree.nodes;
  }

  on(filter: string, take: Take<Packet>, done?: () => void): this {
    this.#tree.set(filter, take, { take, isGone: false });
    if (done) setImmediate(done);
    return this;
  }

  removeListener(filter: string, take: Take<Packet>, done?: () => void): this {
    const listener = this.#tree.delete(filter, take);
    if (listener) listener.isGone = true;
    if (done) setImmediate(done);
    return this;
  }

  /**
   * Calls back when everybody it was handed to has called back.
   * @returns null where it was handed to everybody before the call returned; otherwise what resolves when it was.
   */
  emit(packet: Packet, done: Done = ignore): Promise<void> | null {
    if (this.#isClosed) {
      done(new Error('the broker is closed'));
      return null;
    }
    const budget = packet.clientId === undefined ? null : this.#budgetOf(packet.clientId);
    const lane = budget && this.#lanes.get(budget);
    const walk = this.#tree.walk(packet.topic);
    const found: Listener<Packet>[] = [];
    const isBegun = !lane && (budget === null || budget.mayFinish);
    if (isBegun) {
      const nodes = walk.step(nodesAtOnce, found);
      budget?.spend((nodes + found.length) * costs.row);
      if (walk.isOver && found.length <= 1) {
        this.#handToOne(packet, found[0], budget, done);
        return null;
      }
    }
    const handing = new Handing(packet, walk, found, budget, done);
    if (isBegun && this.#goOn(handing)) return null;
    if (!budget) return null;
    if (lane) lane.push(handing);
    else this.#begin(budget, handing);
    return new Promise((resolve) => {
      handing.onHanded = resolve;
    });
  }

  close(done: () => void): this {
    this.#isClosed = true;
    setImmediate(done);
    return this;
  }

  /** To be called within `take`: so much more was spent on the message that is handed on. */
  charge(units: number): void {
    this.#payer?.spend(units);
  }

  /** To be called within `take`: is the message handed to this client for the first time? */
  isFirst(client: object): boolean {
    return this.#current?.isFirst(client) ?? true;
  }

  /** As most messages are. */
  #handToOne(packet: Packet, listener: Listener<Packet> | undefined, budget: Budget | null, done: Done): void {
    const [before, payerBefore] = [this.#current, this.#payer];
    this.#current = null;
    this.#payer = budget;
    if (listener) listener.take(packet, done);
    else done();
    this.#current = before;
    this.#payer = payerBefore;
  }

  /** Hands on as much as may be now. @returns whether that was all. */
  #goOn(handing: Handing<Packet>): boolean {
    const [before, payerBefore] = [this.#current, this.#payer];
    this.#current = handing;
    this.#payer = handing.budget;
    const isOver = handing.goOn();
    this.#current = before;
    this.#payer = payerBefore;
    return isOver;
  }

  #begin(budget: Budget, handing: Handing<Packet>): void {
    const lane = [handing];
    this.#lanes.set(budget, lane);
    const go = (): void => {
      for (let next = lane[0]; next && this.#goOn(next); next = lane[0]) lane.shift()?.onHanded?.();
      if (lane.length > 0) budget.waitFirst(go);
      else this.#lanes.delete(budget);
    };
    budget.waitFirst(go);
  }
}

/** One message on its way to all who are to have it. */
class Handing<Packet> {
  readonly budget: Budget | null;
  onHanded: (() => void) | undefined;
  readonly #packet: Packet;
  readonly #walk: FilterWalk<Listener<Packet>>;
  readonly #done: Done;
  #found: Listener<Packet>[];
  #next = 0;
  /** Calls of `done` that are to come: one for each that was told, and one until all were. */
  #open = 1;
  #first: object | null = null;
  #others: Set<object> | null = null;

  /** @param found what has been found already. */
  constructor(
    packet: Packet,
    walk: FilterWalk<Listener<Packet>>,
    found: Listener<Packet>[],
    budget: Budget | null,
    done: Done,
  ) {
    this.#packet = packet;
    this.#walk = walk;
    this.#found = found;
    this.budget = budget;
    this.#done = done;
  }

  isFirst(client: object): boolean {
    if (this.#first === null) {
      this.#first = client;
      return true;
    }
    if (this.#first === client || this.#others?.has(client)) return false;
    this.#others ??= new Set();
    this.#others.add(client);
    return true;
  }

  goOn(): boolean {
    const { budget } = this;
    while (budget === null || budget.mayFinish) {
      const listener = this.#found[this.#next];
      if (listener) this.#tell(listener);
      else if (!this.#walk.isOver) this.#look(budget);
      else {
        this.#close();
        return true;
      }
    }
    return false;
  }

  #look(budget: Budget | null): void {
    this.#found = [];
    this.#next = 0;
    const nodes = this.#walk.step(nodesAtOnce, this.#found);
    budget?.spend((nodes + this.#found.length) * costs.row);
  }

  #tell(listener: Listener<Packet>): void {
    this.#next += 1;
    if (listener.isGone) return;
    this.#open += 1;
    listener.take(this.#packet, this.#close);
  }

  readonly #close = (): void => {
    this.#open -= 1;
    if (this.#open === 0) this.#done();
  };
}
