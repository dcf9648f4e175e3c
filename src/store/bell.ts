// Tells one listener of commits. What the listener does cannot fail what is committed.

/** Tells its listener once for all units of one commit, and apart from them: what it throws cannot fail what is committed. */
export class Bell<What> {
  #listener: ((what: ReadonlySet<What>) => void) | null = null;
  #rung = new Set<What>();

  listen(listener: (what: ReadonlySet<What>) => void): void {
    this.#listener = listener;
  }

  /** Nothing is told of nothing. */
  ring(what: Iterable<What>): void {
    const isRinging = this.#rung.size > 0;
    for (const each of what) this.#rung.add(each);
    if (isRinging || this.#rung.size === 0) return;
    queueMicrotask(() => {
      const rung = this.#rung;
      this.#rung = new Set();
      this.#listener?.(rung);
    });
  }
}
