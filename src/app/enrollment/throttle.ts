// How often one principal may do a thing: a token bucket each, so that one gone wild costs its answers and nobody else's time.
import type { PrincipalId } from '../../domain/principal.ts';
import type { Instant } from '../../domain/time.ts';

export interface Allowance {
  /** Times at once. */
  readonly burst: number;
  /** Times a second, in the long run. */
  readonly perSecond: number;
}

/** Messages a principal may send, or have sent for it, on its enrollment topics. */
export const speech: Allowance = { burst: 30, perSecond: 3 };

/** Messages a gateway may send for the devices behind it: a thousand of them at once, each within its own allowance. */
export const speechForOthers: Allowance = { burst: 10_000, perSecond: 500 };

/** Refusals of a gateway that are kept in the ledger's journal; all are logged and counted. */
export const keptRefusals: Allowance = { burst: 100, perSecond: 1 / 60 };

/** Principals remembered; a bucket that is forgotten starts full. */
const bucketsMax = 100_000;

export class Throttle {
  readonly #allowance: Allowance;
  readonly #buckets = new Map<PrincipalId, { tokens: number; at: Instant }>();

  constructor(allowance: Allowance) {
    this.#allowance = allowance;
  }

  /** Takes one of this principal's. False: it has none left now. */
  take(id: PrincipalId, now: Instant): boolean {
    const { burst, perSecond } = this.#allowance;
    const bucket = this.#buckets.get(id) ?? { tokens: burst, at: now };
    const refilled = bucket.tokens + (Math.max(0, now - bucket.at) / 1_000) * perSecond;
    const tokens = Math.min(burst, refilled);
    const granted = tokens >= 1;
    this.#buckets.delete(id);
    this.#buckets.set(id, { tokens: granted ? tokens - 1 : tokens, at: now });
    const oldest = this.#buckets.size > bucketsMax ? this.#buckets.keys().next() : null;
    if (oldest && !oldest.done) this.#buckets.delete(oldest.value);
    return granted;
  }
}
