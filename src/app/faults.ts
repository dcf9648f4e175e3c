// Gathers what is wrong with a file or a source: enough is named to mend it by, in the order of where it stands, and the rest is
// counted.

/** Faults that are named, and how many of them in the same words: a column that is misspelt must not hide what else is wrong. */
const namedMax = 200;
const alikeMax = 20;

export class Faults {
  readonly #most: number;
  readonly #named: { readonly at: number; readonly fault: string }[] = [];
  /** By its words, how often a fault that is named was met. */
  readonly #alike = new Map<string, number>();
  readonly #noun: string;
  #count = 0;

  /** @param most how many are named. @param noun what the rest is called, in the plural. */
  constructor(most = namedMax, noun = 'faults') {
    this.#most = most;
    this.#noun = noun;
  }

  /** `at`: where it stands, in the file's own order. */
  add(at: number, fault: string): void {
    this.#count += 1;
    const alike = this.#alike.get(fault);
    if (alike === undefined && this.#named.length === this.#most) return;
    this.#alike.set(fault, (alike ?? 0) + 1);
    if (this.#named.length < this.#most && (alike ?? 0) < alikeMax) this.#named.push({ at, fault });
  }

  get any(): boolean {
    return this.#count > 0;
  }

  /** Each with its place, as `place` words it; empty where it has none. */
  named(place: (at: number) => string): string[] {
    const sorted = this.#named.toSorted((a, b) => a.at - b.at);
    const left = new Map(this.#alike);
    for (const { fault } of sorted) left.set(fault, (left.get(fault) ?? 0) - 1);
    const lines = sorted.map(({ at, fault }) => [place(at), fault].filter(Boolean).join(': '));
    const alike = [...left]
      .filter(([, count]) => count > 0)
      .map(([fault, count]) => `and ${count} more times: ${fault}`);
    const rest = this.#count - [...this.#alike.values()].reduce((sum, count) => sum + count, 0);
    return [...lines, ...alike, ...(rest > 0 ? [`and ${rest} more ${this.#noun}`] : [])];
  }
}
