// How often something may be done, by whom: a bucket for each name, which fills steadily. Whoever is idle is forgotten.
const namesMax = 10_000;

interface Bucket {
  tokens: number;
  at: number;
}

export class Rates {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #now: () => number;
  /** In the order in which they were last used. */
  readonly #buckets = new Map<string, Bucket>();

  /** @param now milliseconds of a clock that only goes forward. */
  constructor(perSecond: number, burst: number, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#now = now;
  }

  #bucketOf(name: string): Bucket {
    const now = this.#now();
    const known = this.#buckets.get(name);
    const tokens = known
      ? Math.min(this.#burst, known.tokens + ((now - known.at) / 1_000) * this.#perSecond)
      : this.#burst;
    const bucket = { tokens, at: now };
    this.#buckets.delete(name);
    this.#buckets.set(name, bucket);
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined && this.#buckets.size > namesMax) this.#buckets.delete(oldest);
    return bucket;
  }

  /** Is there a turn? Takes none. */
  has(name: string): boolean {
    return this.#bucketOf(name).tokens >= 1;
  }

  /** False: it has none left. */
  take(name: string): boolean {
    const bucket = this.#bucketOf(name);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  /** Whole seconds until there is a turn again. */
  waitSeconds(name: string): number {
    return Math.max(1, Math.ceil((1 - this.#bucketOf(name).tokens) / this.#perSecond));
  }
}
