// Steps of a rollover, one after another: each reads the slots, makes files and then writes what it made, and no other may come between.
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs when all that came before has ended, however it ended. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work, work);
    this.#last = next.catch(() => undefined);
    return next;
  }
}
