// Long work beside the heartbeat: reading a source, looking the fleet over. One run of each at a time, all of them stopped with the
// broker, each at the next place where it looks.

export class Chores {
  readonly #running = new Map<string, Promise<unknown>>();
  readonly #stopping = new AbortController();
  readonly #resting = new Map<string, number>();

  /** Begins this work, unless it is under way or everything is being stopped: null then. */
  begin<T>(name: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> | null {
    const { signal } = this.#stopping;
    if (this.#running.has(name) || signal.aborted) return null;
    const run = work(signal).finally(() => this.#running.delete(name));
    this.#running.set(name, run);
    return run;
  }

  /** Resolves when this work is not under way, however it ended. */
  async ended(name: string): Promise<void> {
    await this.#running.get(name)?.catch(() => undefined);
  }

  /** Leaves alone what broke, until this moment of the steady clock. */
  rest(name: string, until: number): void {
    this.#resting.set(name, until);
  }

  isResting(name: string, now: number): boolean {
    return (this.#resting.get(name) ?? now) > now;
  }

  get busy(): boolean {
    return this.#running.size > 0;
  }

  /** Resolves when all of it has ended; whatever it fails with is its beginner's. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.allSettled(this.#running.values());
  }
}

export interface WithChores {
  readonly chores: Chores;
}
