// A share of the event loop's time: what is spent beyond it is waited for. Counted as a theoretical arrival time (the generic cell rate
// algorithm of ITU-T I.371), so that an account is one number and needs no timer.

export interface LoopShareRules {
  /** Of the loop's time, between 0 and 1. */
  readonly share: number;
  /** Milliseconds of the loop that may be spent at once, after a time of quiet. */
  readonly burstMs: number;
  /** Nobody waits longer than this, in milliseconds, however much was spent before. */
  readonly waitMsMax: number;
}

export class LoopShare {
  readonly #rules: LoopShareRules;
  #paidAt = Number.NEGATIVE_INFINITY;

  constructor(rules: LoopShareRules) {
    this.#rules = rules;
  }

  /** @param ms of the loop that were spent; negative: that were not spent at this account's cost after all. @param now steady, in ms. */
  spend(ms: number, now: number): void {
    const { share, burstMs, waitMsMax } = this.#rules;
    const paidAt = Math.max(this.#paidAt, now) + ms / share;
    this.#paidAt = Math.min(paidAt, now + burstMs / share + waitMsMax);
  }

  /** Milliseconds until more may be spent. */
  waitMs(now: number): number {
    return Math.max(0, this.#paidAt - now - this.#rules.burstMs / this.#rules.share);
  }

  /** Is it as if nothing had ever been spent? */
  isClear(now: number): boolean {
    return this.#paidAt <= now;
  }
}
