// Gathers what is wrong with a file or a source: enough is named to mend it by, in the order of where it stands, and the rest is
// counted.

/** Faults that are named. */
const namedMax = 200;

export class Faults {
  readonly #named: { readonly at: number; readonly fault: string }[] = [];
  #count = 0;

  /** `at`: where it stands, in the file's own order. */
  add(at: number, fault: string): void {
    this.#count += 1;
    if (this.#named.length < namedMax) this.#named.push({ at, fault });
  }

  get any(): boolean {
    return this.#count > 0;
  }

  /** Each with its place, as `place` words it; empty where it has none. */
  named(place: (at: number) => string): string[] {
    const rest = this.#count - this.#named.length;
    const lines = this.#named
      .toSorted((a, b) => a.at - b.at)
      .map(({ at, fault }) => [place(at), fault].filter(Boolean).join(': '));
    return rest > 0 ? [...lines, `and ${rest} more faults`] : lines;
  }
}
