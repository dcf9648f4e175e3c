// The file that the store is kept in, as far as it may be damaged.

export interface FileCheck {
  /** What was found, each in one sentence; empty: no damage. */
  readonly faults: readonly string[];
  /** Was all of it looked at? */
  readonly isWhole: boolean;
}

export interface StoreFile {
  /** Its size, without what is still in the write-ahead log. */
  readonly bytes: number;
  /**
   * Copies the store into a file that must not exist, readable by its owner alone, some of it at a time: what is written meanwhile is in the
   * copy too. Fails with NolapseError `copy_failed`; what there is of the copy then is its caller's to remove.
   */
  copyTo(file: string, isStopped: () => boolean): Promise<void>;
  /** Looks at all of it in one go, which takes about a second for 256 MiB, and nobody else gets a turn. Never rejects. */
  check(): FileCheck;
  /**
   * Reads every row of every table, a few at a time: damage to what no row lies in is not found, and nobody waits for long.
   * @param turn resolves when the next rows may be read. @param isEnough true: it stops there. Never rejects.
   */
  readThrough(turn: () => Promise<void>, isEnough: () => boolean): Promise<FileCheck>;
}
