// How often one principal may speak on its enrollment topics: a token bucket each, so that a device gone wild costs
// its answers and nobody else's time.
import type { PrincipalId } from '../domain/principal.ts';
import type { Instant } from '../domain/time.ts';

/** Messages a principal may send at once. */
const burst = 30;
/** Messages a principal may send a second, in the long run. */
const perSecond = 3;
/** Principals remembered; a bucket that is forgotten starts full. */
const bucketsMax = 100_000;

export class Throttle {
  readonly #buckets = new Map<PrincipalId, { tokens: number; at: Instant }>();

  /** Takes one message of this principal. False: it has none left; one comes back within a second. */
  take(id: PrincipalId, now: Instant): boolean {
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
