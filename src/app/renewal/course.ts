// One of the courses in which what is owed is carried out, each at its own pace: what is slow in one holds up none of the others.
import type { Instant } from '../../domain/time.ts';
import type { WaitingEffect } from '../../ports/outbox.ts';
import type { Store } from '../../ports/store.ts';
import { Worker } from '../worker.ts';

/** Effects carried out side by side, and settled together: a kill in between costs as many repetitions at most. */
export const effectsTogether = 256;

/** What became of an effect, by its id: it is done, or comes again at a time. */
export interface CarriedOut {
  readonly id: number;
  readonly laterAt: Instant | null;
}

/** The same of one about which nothing is to be written: it stays as it is, or the change that it brought about has settled it. */
export type Settled = 'kept' | 'settled';

export interface CoursePlan {
  /** Effects it may take on now; with 0, how long until it may. */
  room(): { readonly most: number; readonly waitMs: number };
  due(most: number): Promise<WaitingEffect[]>;
  /** Carries one out. Never rejects but for the store's own failure. */
  carryOut(waiting: WaitingEffect): Promise<CarriedOut | Settled>;
  /** The store failed: the next poke tries again. */
  onFailure(error: unknown): void;
}

export class Course {
  readonly #store: Pick<Store, 'transact'>;
  readonly #plan: CoursePlan;
  readonly #worker: Worker;
  #timer: NodeJS.Timeout | null = null;

  constructor(store: Pick<Store, 'transact'>, plan: CoursePlan) {
    this.#store = store;
    this.#plan = plan;
    this.#worker = new Worker(() => this.#round(), plan.onFailure);
  }

  /** Something may be due. Returns at once; the work goes on by itself. */
  poke(): void {
    this.#worker.poke();
  }

  /** Resolves when nothing is due any more that there is room for. */
  idle(): Promise<void> {
    return this.#worker.idle();
  }

  async close(): Promise<void> {
    const closed = this.#worker.close();
    if (this.#timer) clearTimeout(this.#timer);
    await closed;
  }

  async #round(): Promise<boolean> {
    const { most, waitMs } = this.#plan.room();
    if (most < 1) {
      this.#wait(waitMs);
      return false;
    }
    const due = await this.#plan.due(most);
    if (due.length === 0) return false;
    const all = await Promise.all(due.map((waiting) => this.#plan.carryOut(waiting)));
    await this.#keep(all);
    // Whatever was owed meanwhile has poked it. What had no room waits until there is some.
    return due.length === most || all.includes('kept');
  }

  async #keep(all: readonly (CarriedOut | Settled)[]): Promise<void> {
    const carriedOut = all.filter((each) => typeof each !== 'string');
    if (carriedOut.length === 0) return;
    await this.#store.transact(async (tx) => {
      for (const { id, laterAt } of carriedOut) await (laterAt === null ? tx.settle(id) : tx.putOff(id, laterAt));
    });
  }

  #wait(waitMs: number): void {
    if (this.#timer || this.#worker.isClosed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.poke();
    }, Math.ceil(waitMs)).unref();
  }
}
