// The budget of each principal: one for all of its sessions, those that have ended included as long as what they caused is not paid.
import { Budget } from './budget.ts';
import type { LoopTurns } from './loop-turns.ts';

export class Budgets {
  readonly #turns: Pick<LoopTurns, 'current'>;
  readonly #isPresent: (principalId: string) => boolean;
  readonly #known = new Map<string, Budget>();
  /** Principals that may have no session any more. */
  readonly #leaving = new Set<string>();

  constructor(turns: Pick<LoopTurns, 'current'>, isPresent: (principalId: string) => boolean) {
    this.#turns = turns;
    this.#isPresent = isPresent;
  }

  get size(): number {
    return this.#known.size;
  }

  of(principalId: string): Budget {
    let budget = this.#known.get(principalId);
    if (!budget) {
      budget = new Budget(this.#turns);
      this.#known.set(principalId, budget);
      // What asks may be what a session left behind.
      this.#leaving.add(principalId);
    }
    return budget;
  }

  /** A session of this principal has ended. */
  left(principalId: string): void {
    this.#leaving.add(principalId);
  }

  /** Forgets what nobody needs. */
  sweep(): void {
    for (const principalId of this.#leaving) {
      const isPresent = this.#isPresent(principalId);
      if (!isPresent && this.#known.get(principalId)?.isAtRest === false) continue;
      this.#leaving.delete(principalId);
      if (!isPresent) this.#known.delete(principalId);
    }
  }
}
