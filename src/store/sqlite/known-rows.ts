// Rows of the store that were read or written last, by their keys, so that the steps of a renewal do not read the same rows again and
// again. The file is this process's alone: what is remembered is what it holds, as long as each write passes through here and whatever
// is undone is forgotten.

/** Rows of each kind that are remembered at a time: some 15 MB in all. */
export const rowsKnownMax = 4_096;

/** A row that nobody has is not remembered: whoever connects can make up as many keys as it likes. */
export class KnownRows<Key, Row> {
  readonly #max: number;
  readonly #keyOf: (row: Row) => Key;
  readonly #read: (key: Key) => Row | null;
  readonly #known = new Map<Key, Row>();

  /** @param max rows remembered at a time; the one that was remembered first goes first. */
  constructor(max: number, keyOf: (row: Row) => Key, read: (key: Key) => Row | null) {
    this.#max = max;
    this.#keyOf = keyOf;
    this.#read = read;
  }

  get size(): number {
    return this.#known.size;
  }

  /** What is remembered; null: nothing, whatever is stored. */
  known(key: Key): Row | null {
    return this.#known.get(key) ?? null;
  }

  get(key: Key): Row | null {
    return this.#known.get(key) ?? this.found(this.#read(key));
  }

  /** The row if it is remembered: nothing is read. */
  remembered(key: Key): Row | null {
    return this.#known.get(key) ?? null;
  }

  /** Remembers a row that was read otherwise, or was written. */
  found<Found extends Row | null>(row: Found): Found {
    if (row === null) return row;
    const key = this.#keyOf(row);
    const [oldest] = this.#known.size >= this.#max && !this.#known.has(key) ? this.#known.keys() : [];
    if (oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(key, row);
    return row;
  }

  /** The same of several. */
  allFound(rows: Row[]): Row[] {
    for (const row of rows) this.found(row);
    return rows;
  }

  forget(key: Key): void {
    this.#known.delete(key);
  }

  clear(): void {
    this.#known.clear();
  }
}
