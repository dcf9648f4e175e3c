// One of the courses in which what is owed is carried out, each at its own pace: what is slow in one holds up none of the others.
import { randomUUID } from 'node:crypto';
import type { Instant } from '../../domain/time.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Lease, WaitingEffect } from '../../ports/outbox.ts';
import type { Store } from '../../ports/store.ts';
import { Worker } from '../worker.ts';

/** Effects carried out side by side, and settled together: a kill in between costs as many repetitions at most. */
export const effectsTogether = 256;

/** How long a batch may take before others take it for left behind: an authority may need its time. */
const leaseMs = 120_000;

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
  /** What this worker is to carry out now: nobody else is given it until it was kept, or the lease has ended. */
  claim(lease: Lease, most: number): Promise<WaitingEffect[]>;
  /** Carries one out. Never rejects but for the store's own failure. */
  carryOut(waiting: WaitingEffect): Promise<CarriedOut | Settled>;
  /** The store failed: the next poke tries again. */
  onFailure(error: unknown): void;
}

interface CourseContext {
  readonly store: Pick<Store, 'transact' | 'claims'>;
  readonly clock: Clock;
}

export class Course {
  /** Among those that carry out what this ledger owes. */
  readonly #name = randomUUID();
  readonly #context: CourseContext;
  readonly #plan: CoursePlan;
  readonly #worker: Worker;
  #timer: NodeJS.Timeout | null = null;

  constructor(context: CourseContext, plan: CoursePlan) {
    this.#context = context;
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
    const { store, clock } = this.#context;
    const lease = { worker: this.#name, until: clock.now() + leaseMs };
    const claimed = await this.#plan.claim(lease, most);
    if (claimed.length === 0) return false;
    try {
      const all = await Promise.all(claimed.map((waiting) => this.#plan.carryOut(waiting)));
      await this.#keep(all);
      // Whatever was owed meanwhile has poked it. What had no room waits until there is some.
      return claimed.length === most || all.includes('kept');
    } finally {
      await store.claims.release(
        this.#name,
        claimed.map(({ id }) => id),
      );
    }
  }

  async #keep(all: readonly (CarriedOut | Settled)[]): Promise<void> {
    const carriedOut = all.filter((each) => typeof each !== 'string');
    if (carriedOut.length === 0) return;
    // What is not settled yet is this worker's until it is, and is carried out again after a crash.
    await this.#context.store.transact(async (tx) => {
      for (const { id, laterAt } of carriedOut) await (laterAt === null ? tx.complete(id) : tx.putOff(id, laterAt));
    }, 'soon');
  }

  #wait(waitMs: number): void {
    if (this.#timer || this.#worker.isClosed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.poke();
    }, Math.ceil(waitMs)).unref();
  }
}
