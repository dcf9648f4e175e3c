// Address blocks from which known certificates came, and which of them are to be written down so that a restart does not forget them.
// It keeps no time of its own and writes nothing.

/** The one that was not seen for longest is forgotten, and is known again with its next admission. */
export const knownBlocksMax = 100_000;
/** One that comes again is written down again once this long has passed, in milliseconds. */
const freshMs = 86_400_000;

export class KnownBlocks {
  /** When each was handed out to be written, steady; those seen last are at the end. */
  readonly #blocks = new Map<string, number>();
  readonly #unwritten = new Set<string>();

  /** @param remembered from before this start, the oldest first. */
  constructor(remembered: readonly string[] = []) {
    for (const block of remembered.slice(-knownBlocksMax)) this.#blocks.set(block, Number.NEGATIVE_INFINITY);
  }

  get size(): number {
    return this.#blocks.size;
  }

  has(block: string): boolean {
    return this.#blocks.has(block);
  }

  /** A known certificate came from there. @param now steady, in milliseconds. */
  note(block: string, now: number): void {
    const writtenAt = this.#blocks.get(block) ?? Number.NEGATIVE_INFINITY;
    this.#blocks.delete(block);
    this.#blocks.set(block, writtenAt);
    if (now - writtenAt > freshMs) this.#unwritten.add(block);
    const oldest = this.#blocks.size > knownBlocksMax ? this.#blocks.keys().next() : null;
    if (!oldest || oldest.done) return;
    this.#blocks.delete(oldest.value);
    this.#unwritten.delete(oldest.value);
  }

  /** Those that are to be written now, at most so many. @param now steady, in milliseconds. */
  take(limit: number, now: number): string[] {
    const taken: string[] = [];
    for (const block of this.#unwritten) {
      if (taken.length === limit) break;
      taken.push(block);
      this.#unwritten.delete(block);
      this.#blocks.set(block, now);
    }
    return taken;
  }

  /** They could not be written: they are taken again. */
  putBack(blocks: readonly string[]): void {
    for (const block of blocks) if (this.#blocks.has(block)) this.#unwritten.add(block);
  }
}
