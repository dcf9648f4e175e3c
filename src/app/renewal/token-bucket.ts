// How often something may be done in all, by whomever: a bucket that fills steadily, by a clock that only goes forward, and never
// holds more than a second's worth. What finds it empty waits in the ledger.
import type { Clock } from '../../ports/clock.ts';

/** Waiting for less than this is not worth a look at what waits. */
const leastWaitMs = 20;

export class TokenBucket {
  readonly perSecond: number;
  readonly #clock: Pick<Clock, 'steady'>;
  #tokens: number;
  #at: number;
  /** Does more wait than there was room for? Then nobody takes a turn out of order. */
  contended = false;

  constructor(perSecond: number, clock: Pick<Clock, 'steady'>) {
    this.perSecond = perSecond;
    this.#clock = clock;
    this.#tokens = perSecond;
    this.#at = clock.steady();
  }

  /** How often it may be done now. */
  get left(): number {
    const now = this.#clock.steady();
    const filled = ((now - this.#at) / 1_000) * this.perSecond;
    this.#tokens = Math.min(this.perSecond, this.#tokens + Math.max(0, filled));
    this.#at = now;
    return Math.floor(this.#tokens);
  }

  /** Takes a turn. False: there is none now. */
  take(): boolean {
    if (this.left < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Milliseconds until there is a turn again. */
  get waitMs(): number {
    if (this.left >= 1) return 0;
    return Math.max(leastWaitMs, ((1 - this.#tokens) / this.perSecond) * 1_000);
  }

  /** After an outage: what has gathered in it must not come all at once. */
  empty(): void {
    this.#tokens = Math.min(this.left, 1);
  }
}

/** How often things are done in all. */
export interface Rates {
  readonly offers: TokenBucket;
  readonly issuances: TokenBucket;
  readonly announcements: TokenBucket;
}

export interface WithRates {
  readonly rates: Rates;
}
