// What a unit of work changes in memory beside its rows. Where the unit is undone, that alone is read anew, however much else is kept.

/** Of one unit. */
interface Noted {
  readonly clientIds: string[];
  readonly undos: (() => void)[];
}

export class Changed {
  #noted: Noted | null = null;

  /** Part of a unit of work: what is in memory of this client changes. */
  client(clientId: string): void {
    this.#noted?.clientIds.push(clientId);
  }

  /** Part of a unit of work: how to take back what else changes in memory, whatever was changed since. */
  undo(undo: () => void): void {
    this.#noted?.undos.push(undo);
  }

  /** @returns the work, and what takes back what it has changed: `reread` is called for each client. */
  noting<T>(work: () => T, reread: (clientId: string) => void): { readonly run: () => T; readonly back: () => void } {
    const noted: Noted = { clientIds: [], undos: [] };
    return {
      run: () => {
        this.#noted = noted;
        try {
          return work();
        } finally {
          this.#noted = null;
        }
      },
      back: () => {
        for (const undo of noted.undos) undo();
        for (const clientId of new Set(noted.clientIds)) reread(clientId);
      },
    };
  }
}
