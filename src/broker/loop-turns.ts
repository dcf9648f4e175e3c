// Turns of the event loop, the same for everybody who asks in one.

/** One turn of the event loop. */
export interface LoopTurn {
  /** When it began, in milliseconds of a clock that only goes forward. */
  readonly at: number;
}

/** The turns in which anybody asks, for all connections: each asks at every read. */
export class LoopTurns {
  #current: LoopTurn | null = null;

  /** The same object for all of a turn. */
  get current(): LoopTurn {
    if (this.#current === null) {
      this.#current = { at: performance.now() };
      setImmediate(() => {
        this.#current = null;
      });
    }
    return this.#current;
  }
}
