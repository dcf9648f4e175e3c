// Copies the database into another file while it is in use: some pages at a time, as they are when the last of them is copied. What is
// written meanwhile is in the copy too.
import { open } from 'node:fs/promises';
import { NolapseError } from '../../domain/errors.ts';
import { quickCheck, wordsFor } from './damage.ts';
import { type Connection, openSqlite } from './sqlite.ts';

/** Pages copied before others have a turn: half a megabyte. */
const pagesAtOnce = 128;
/** The most there are where the copy had to begin anew again and again: 64 megabytes. */
const pagesAtOnceMax = 16_384;
/** Beginnings after which it is given up. */
const beginningsMax = 100;
/** Pages after which the copy is written through, so that little is left for the end, when everybody waits. */
const pagesUnsynced = 4_096;

/**
 * How much to copy in one go. A write that is undone makes SQLite begin the copy anew; each time that happens, more is copied at once,
 * so that writes which fail all the time cannot keep it from ending.
 */
class Pace {
  pages = pagesAtOnce;
  #beginnings = 0;
  #remaining = Number.POSITIVE_INFINITY;

  /** @param remaining pages that are still to be copied. @throws when it has begun anew too often. */
  take(remaining: number): number {
    if (remaining >= this.#remaining) {
      this.#beginnings += 1;
      if (this.#beginnings > beginningsMax)
        throw new Error('writes that were undone have made it begin anew too often');
      this.pages = Math.min(this.pages * 2, pagesAtOnceMax);
    }
    this.#remaining = remaining;
    return this.pages;
  }
}

/**
 * Makes `file` (mode 0600), which must not exist, a copy of the database. Resolves when it is on the disk.
 * Fails with NolapseError `copy_failed`, and leaves `file` to its caller, when it exists, cannot be written, or `isStopped` says so.
 */
export async function copyDatabase(sqlite: Connection, file: string, isStopped: () => boolean): Promise<void> {
  const handle = await open(file, 'wx', 0o600).catch((error: unknown) => {
    throw failure(file, error);
  });
  const pace = new Pace();
  let unsynced = 0;
  let syncing: Promise<void> | null = null;
  let failed: unknown = null;
  const writeThrough = (): void => {
    syncing = handle
      .datasync()
      .catch((error: unknown) => {
        failed = error;
      })
      .finally(() => {
        syncing = null;
      });
  };
  try {
    await sqlite.backup(file, {
      progress: ({ remainingPages }) => {
        if (failed) throw failed;
        if (isStopped()) throw new Error('the gateway is being stopped');
        unsynced += pace.pages;
        if (!syncing && unsynced >= pagesUnsynced) {
          unsynced = 0;
          writeThrough();
        }
        return pace.take(remainingPages);
      },
    });
    await syncing;
    await handle.sync();
    if (failed) throw failed;
  } catch (error) {
    throw failure(file, error);
  } finally {
    await syncing;
    await handle.close();
  }
}

function failure(file: string, error: unknown): NolapseError {
  return new NolapseError('copy_failed', `the ledger could not be copied to ${file}: ${wordsFor(error)}`, error);
}

/**
 * Looks at a copy, and leaves it as one file, without a log beside it. Takes about a second for 256 MiB, and nobody else gets a turn.
 * @returns the number of its schema. @throws NolapseError `copy_failed` where it is damaged.
 */
export function checkCopy(file: string): number {
  const sqlite = openSqlite(file, { fileMustExist: true });
  try {
    sqlite.pragma('locking_mode = EXCLUSIVE');
    sqlite.pragma('journal_mode = DELETE');
    const { faults } = quickCheck(sqlite);
    if (faults.length > 0) throw new Error(`it is damaged: ${faults.join('; ')}`);
    return Number(sqlite.pragma('user_version', { simple: true }));
  } catch (error) {
    throw new NolapseError('copy_failed', `${file}: ${error instanceof Error ? error.message : String(error)}`, error);
  } finally {
    sqlite.close();
  }
}
