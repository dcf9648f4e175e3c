// Answers read from what is committed, kept in memory until what they were read from is written. Within a transaction nothing is
// remembered, since it may be undone.

export class Remembered<Value> {
  readonly #max: number;
  readonly #isUncommitted: () => boolean;
  readonly #known = new Map<string, Value>();

  /** @param max answers remembered at a time; the oldest goes first. @param isUncommitted is a transaction open? */
  constructor(max: number, isUncommitted: () => boolean) {
    this.#max = max;
    this.#isUncommitted = isUncommitted;
  }

  /** Answers that are remembered now. */
  get size(): number {
    return this.#known.size;
  }

  get(key: string): Value | undefined {
    return this.#known.get(key);
  }

  keep(key: string, value: Value): void {
    if (this.#isUncommitted()) return;
    const oldest = this.#known.size >= this.#max ? this.#known.keys().next() : null;
    if (oldest && !oldest.done) this.#known.delete(oldest.value);
    this.#known.set(key, value);
  }

  /** To be called before a write to what the answers were read from. */
  forget(): void {
    this.#known.clear();
  }
}
