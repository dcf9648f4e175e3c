// The units of work that wait to be run, and when a batch of them begins: at once for one that cannot wait, else when one comes or a moment
// has passed.
import type { Pace } from '../../ports/store.ts';

/** Whose a unit is. Units of one lane run in the order they came; the lanes take turns, so that none waits for all of another's. */
export const lanes = ['messages', 'ledger'] as const;
export type Lane = (typeof lanes)[number];

/** A unit of work while it runs. */
export interface OpenUnit {
  /** False once the unit has ended: what still writes in its name then would write into another's. */
  readonly open: boolean;
}

export interface Unit {
  readonly pace: Pace;
  /** May it be run again where the first run was undone for another's sake? */
  readonly mayRunAgain: boolean;
  /** Does the work; undefined when it is done without waiting. */
  run(): Promise<void> | undefined;
  /** What it wrote is undone. Called at once: before any other unit runs, and once. */
  undone(): void;
  committed(): void;
  failed(error: unknown): void;
}

/** How long a unit of the pace `soon` waits for company. */
export const companyMs = 50;
/** So many that wait for company are company enough. */
const companyMax = 100;

export class UnitQueue {
  readonly #runBatch: () => Promise<void>;
  readonly #waiting: Readonly<Record<Lane, Unit[]>> = { messages: [], ledger: [] };
  #last: Lane = 'ledger';
  /** Of those that wait, how many cannot. */
  #hurried = 0;
  #draining = false;
  #timer: NodeJS.Timeout | null = null;

  /** @param runBatch takes what waits, runs some of it and commits that. It must not throw. */
  constructor(runBatch: () => Promise<void>) {
    this.#runBatch = runBatch;
  }

  get waits(): number {
    return lanes.reduce((sum, lane) => sum + this.#waiting[lane].length, 0);
  }

  add(lane: Lane, unit: Unit): void {
    this.#waiting[lane].push(unit);
    if (unit.pace === 'now') this.#hurried += 1;
    this.#look();
  }

  /** The next unit, of the lane that did not have the last turn if anything waits there. */
  take(): Unit | undefined {
    const other = this.#last === 'messages' ? 'ledger' : 'messages';
    if (this.#waiting[other].length > 0) this.#last = other;
    const unit = this.#waiting[this.#last].shift();
    if (unit?.pace === 'now') this.#hurried -= 1;
    return unit;
  }

  #look(): void {
    if (this.#draining || this.waits === 0) return;
    if (this.#hurried > 0 || this.waits >= companyMax) {
      if (this.#timer) clearTimeout(this.#timer);
      this.#timer = null;
      this.#draining = true;
      setImmediate(() => void this.#drain());
    } else {
      this.#timer ??= setTimeout(() => {
        this.#timer = null;
        this.#draining = true;
        void this.#drain();
      }, companyMs);
    }
  }

  /** One batch a turn: those who were told of the last commit read before the next one begins. */
  async #drain(): Promise<void> {
    await this.#runBatch();
    this.#draining = false;
    this.#look();
  }
}
