// Does work as long as there is some: told that there may be, it goes on by itself until nothing is left, and never twice at a time.

export class Worker {
  readonly #round: () => Promise<boolean>;
  readonly #onFailure: (error: unknown) => void;
  #running: Promise<void> | null = null;
  #poked = false;
  #closed = false;

  /**
   * @param round does some of it; true: there may be more at once.
   * @param onFailure a round failed: the next poke tries again. It must not throw.
   */
  constructor(round: () => Promise<boolean>, onFailure: (error: unknown) => void) {
    this.#round = round;
    this.#onFailure = onFailure;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** There may be something to do. Returns at once. */
  poke(): void {
    this.#poked = true;
    if (this.#closed) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
      if (this.#poked && !this.#closed) this.poke();
    });
  }

  /** Resolves when nothing is left to do. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** Begins no more rounds; resolves when the one under way has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.idle();
  }

  async #run(): Promise<void> {
    try {
      while (this.#poked && !this.#closed) {
        this.#poked = false;
        if (await this.#round()) this.#poked = true;
      }
    } catch (error) {
      this.#poked = false;
      this.#onFailure(error);
    }
  }
}
