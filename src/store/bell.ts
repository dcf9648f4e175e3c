// Tells one listener of commits. What the listener does cannot fail what is committed.

/** Tells its listener once for all units of one commit, and apart from them: what it throws cannot fail what is committed. */
export class Bell {
  #listener: (() => void) | null = null;
  #ringing = false;

  listen(listener: () => void): void {
    this.#listener = listener;
  }

  ring(): void {
    if (this.#ringing || !this.#listener) return;
    this.#ringing = true;
    queueMicrotask(() => {
      this.#ringing = false;
      this.#listener?.();
    });
  }
}
