// What one principal may cause in a turn of the event loop, whatever it is: packets, rows looked at, messages handed on, bytes. What is
// more waits for turns to come, in the order in which it asked, so that everybody else has turns between.
import { type Allowance, unitsPerTurn } from '../domain/costs.ts';
import type { LoopTurn, LoopTurns } from './loop-turns.ts';

export class Budget implements Allowance {
  readonly #turns: Pick<LoopTurns, 'current'>;
  #turn: LoopTurn;
  #left = unitsPerTurn;
  readonly #waiting: { readonly units: number; readonly go: () => void }[] = [];
  #isScheduled = false;
  /** Runs while one that waited has its turn. */
  #isGoing = false;

  constructor(turns: Pick<LoopTurns, 'current'>) {
    this.#turns = turns;
    this.#turn = turns.current;
  }

  /** Units left in this turn; below 0 where a piece of work cost more, which the turns to come pay. */
  get left(): number {
    const turn = this.#turns.current;
    if (turn !== this.#turn) {
      this.#left = Math.min(unitsPerTurn, this.#left + unitsPerTurn);
      this.#turn = turn;
    }
    return this.#left;
  }

  /** May something be done at once? Not before what waits. */
  get mayGo(): boolean {
    return this.left > 0 && (this.#isGoing || this.#waiting.length === 0);
  }

  /** May what was taken before be brought to its end? On credit of one turn, so that little of it has to wait. */
  get mayFinish(): boolean {
    return this.left > -unitsPerTurn;
  }

  /** Does nothing wait, and is nothing to be paid? */
  get isAtRest(): boolean {
    return this.#waiting.length === 0 && this.left >= unitsPerTurn;
  }

  /** So much was spent, or is about to be. */
  spend(units: number): void {
    this.#left = this.left - units;
  }

  /** Calls back in a later turn that has something left, after those that asked before, with so much spent. */
  wait(go: () => void, units = 0): void {
    this.#waiting.push({ units, go });
    this.#schedule();
  }

  /** Calls back in a later turn that has something left, before all that waits: what was taken goes on before more is. */
  waitFirst(go: () => void): void {
    this.#waiting.unshift({ units: 0, go });
    this.#schedule();
  }

  async turn(units: number): Promise<void> {
    if (this.mayGo) this.spend(units);
    else await new Promise<void>((resolve) => this.wait(resolve, units));
  }

  async finish(units: number): Promise<void> {
    if (!this.mayFinish) await new Promise<void>((resolve) => this.waitFirst(resolve));
    this.spend(units);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#run());
  }

  #run(): void {
    this.#isScheduled = false;
    this.#isGoing = true;
    // Whoever waits again has its turn after the others.
    for (let next = this.#take(); next; next = this.#take()) {
      this.spend(next.units);
      next.go();
    }
    this.#isGoing = false;
    if (this.#waiting.length > 0) this.#schedule();
  }

  #take() {
    return this.left > 0 ? this.#waiting.shift() : undefined;
  }
}
