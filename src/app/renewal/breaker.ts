// Keeps a fleet from trampling a certificate authority that is down: once it fails as such, one request at a time finds out
// whether it is back, after pauses that double and differ from broker to broker. It never gives up.
import { backoffMs } from '../../domain/backoff.ts';

const pauseFirstMs = 1_000;
/** So often a CA that is down is asked, however long that lasts. */
export const pauseMostMs = 60_000;

export class Breaker {
  #failures = 0;
  #until = 0;
  #probing = false;
  #known = false;
  readonly #chance: () => number;

  /** @param chance a number from 0 to 1, another each time. */
  constructor(chance: () => number) {
    this.#chance = chance;
  }

  /** Has the authority failed, and not been found to be back? */
  get isOpen(): boolean {
    return this.#failures > 0;
  }

  /** How many may ask it at `now`, on a clock that only goes forward, of as many as wish to. */
  room(now: number, wished: number): number {
    if (!this.isOpen) return wished;
    return this.#probing || now < this.#until ? 0 : Math.min(1, wished);
  }

  /** Milliseconds until it may be asked again. */
  waitMs(now: number): number {
    return this.isOpen ? Math.max(0, this.#until - now) : 0;
  }

  /** Somebody asks at `now`. False: it is not to be asked, somebody else has found it down meanwhile. */
  asks(now: number): boolean {
    if (this.room(now, 1) < 1) return false;
    this.#probing = this.isOpen;
    return true;
  }

  /** Whoever asked had nothing to ask after all, or was hindered by something else: the next may. */
  unasked(): void {
    this.#probing = false;
  }

  /**
   * It failed at `now`.
   * @returns how often in a row; null for what was under way beside one that failed: together they are one failure.
   */
  failed(now: number): number | null {
    if (this.isOpen && !this.#probing) return null;
    this.#probing = false;
    const wholeMs = backoffMs(this.#failures, pauseFirstMs, pauseMostMs);
    this.#failures += 1;
    this.#until = now + wholeMs * (0.5 + this.#chance() / 2);
    return this.#failures;
  }

  /** It answered. @returns whether it had been down; null: this is the first answer, and nobody knows what was before. */
  answered(): boolean | null {
    const before = this.isOpen || (this.#known ? false : null);
    this.#known = true;
    this.#failures = 0;
    this.#probing = false;
    return before;
  }
}

export interface WithBreaker {
  readonly breaker: Breaker;
}
