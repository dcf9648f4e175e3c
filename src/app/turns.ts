// Lets work in by the handful. Reading the ledger never waits, so a thousand messages or effects that begin together would run to
// the end of their reading in one turn of the event loop; here everybody else has a turn after each few of them.

/** Pieces of work that begin in one turn of the event loop. */
const atOnce = 64;

export class Turns {
  readonly #waiting: (() => void)[] = [];
  #armed = false;

  /** Resolves when it is the caller's turn: in the order of asking, whoever asks. */
  take(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#arm();
    });
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    setImmediate(() => {
      this.#armed = false;
      for (const go of this.#waiting.splice(0, atOnce)) go();
      if (this.#waiting.length > 0) this.#arm();
    });
  }
}

export interface WithTurns {
  readonly turns: Turns;
}
