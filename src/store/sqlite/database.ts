// The one connection to the home's SQLite file, through which everything is written. Units of work run one after another; those that wait
// together are committed together, and nobody is told before that.
import { NolapseError } from '../../domain/errors.ts';
import type { Pace } from '../../ports/store.ts';
import type { StoreFile } from '../../ports/store-file.ts';
import { Batches, type Deferred } from './batch.ts';
import { configure, emptyLog, secureFile } from './configure.ts';
import { copyDatabase } from './copy.ts';
import { quickCheck, readThrough, wordsFor } from './damage.ts';
import { migrate } from './migrate.ts';
import { migrations } from './migrations/index.ts';
import { type Connection, openSqlite, sqliteCode } from './sqlite.ts';
import { type Lane, lanes, type OpenUnit, UnitQueue } from './unit-queue.ts';
import { WriteWatch } from './write-watch.ts';

/** Fails when the event loop turns before `pending` settles: the work waits for something that is not this connection. */
function withinTurn(pending: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const turned = setImmediate(() =>
      reject(new NolapseError('unit_stalled', 'a unit of work awaited something other than the store')),
    );
    pending.then(resolve, reject).finally(() => clearImmediate(turned));
  });
}

/** How a unit is run beside others. */
interface Handling {
  readonly undone: () => void;
  readonly pace: Pace;
  readonly mayRunAgain: boolean;
}

export class Database {
  readonly sqlite: Connection;
  readonly #watch: WriteWatch;
  readonly #batches: Batches;
  readonly #queue: UnitQueue;
  #closing: Promise<void> | null = null;

  constructor(sqlite: Connection, watch = new WriteWatch()) {
    this.sqlite = sqlite;
    this.#watch = watch;
    this.#batches = new Batches(sqlite, watch);
    this.#queue = new UnitQueue(() => this.#batches.run(this.#queue));
  }

  /**
   * Runs `work` alone and resolves with its result once it is durably committed; a throw undoes what it wrote and rejects.
   * `work` must await nothing but results of this connection, so that a batch ends within one turn of the event loop and
   * nobody else ever reads what is not committed; else it is undone and fails with NolapseError `unit_stalled`.
   * Fails with `store_closed` after close, and with `store_failed` when the commit itself fails: a full disk, an I/O error.
   * @param undone called when what `work` wrote is undone, before any other unit runs: others run before the failure is told.
   */
  submit<T>(
    work: (unit: OpenUnit) => Promise<T> | T,
    lane: Lane = 'messages',
    undone: () => void = () => undefined,
  ): Promise<T> {
    if (this.#closing) return Promise.reject(new NolapseError('store_closed', 'the store is closed'));
    return this.#enqueue(work, lane, { undone });
  }

  /** The same for a unit of the ledger that may be run again, at its pace. */
  transact<T>(work: (unit: OpenUnit) => Promise<T> | T, pace: Pace): Promise<T> {
    if (this.#closing) return Promise.reject(new NolapseError('store_closed', 'the store is closed'));
    return this.#enqueue(work, 'ledger', { pace, mayRunAgain: true });
  }

  /** The file itself, as far as it may be damaged. */
  get file(): StoreFile {
    const { sqlite } = this;
    return {
      get bytes() {
        const [pages, pageBytes] = ['page_count', 'page_size'].map((name) =>
          Number(sqlite.pragma(name, { simple: true })),
        );
        return (pages ?? 0) * (pageBytes ?? 0);
      },
      copyTo: (file, isStopped) => copyDatabase(sqlite, file, () => this.#closing !== null || isStopped()),
      check: () => quickCheck(sqlite),
      readThrough: (turn, isEnough) => readThrough(sqlite, turn, () => this.#closing !== null || isEnough()),
    };
  }

  /** Does the storage keep what is written? See {@link probe}. */
  get isWell(): boolean {
    return this.#watch.isWell;
  }

  /** As {@link WriteWatch.onRefused}. */
  onRefused(listener: (reason: string) => void): void {
    this.#watch.onRefused(listener);
  }

  /** As {@link Batches.onUndone}. */
  onUndone(listener: () => void): void {
    this.#batches.onUndone(listener);
  }

  /** As {@link Batches.defer}. */
  defer(deferred: Deferred): void {
    this.#batches.defer(deferred);
  }

  /** Writes the file's header as it is, durably, to find out whether that can be done. Rejects when it cannot. */
  async probe(): Promise<void> {
    await this.submit(() => {
      this.sqlite.pragma(`user_version = ${Number(this.sqlite.pragma('user_version', { simple: true }))}`);
    }, 'ledger');
    this.#watch.written();
  }

  /** Writes the log into the file and empties it: what was deleted is in neither from then on. Rejects when that cannot be done. */
  async scrub(): Promise<void> {
    // Told of a commit, one runs before the next transaction begins; within one SQLite would refuse.
    await this.submit(() => undefined, 'ledger');
    emptyLog(this.sqlite);
  }

  /** Refuses new units, resolves when those submitted so far are committed and the file is closed. */
  close(): Promise<void> {
    this.#closing ??= Promise.all(lanes.map((lane) => this.#enqueue(() => undefined, lane)))
      .then(() => undefined)
      .finally(() => this.sqlite.close());
    return this.#closing;
  }

  #enqueue<T>(work: (unit: OpenUnit) => Promise<T> | T, lane: Lane, how: Partial<Handling> = {}): Promise<T> {
    const { undone = () => undefined, pace = 'now', mayRunAgain = false } = how;
    return new Promise<T>((resolve, reject) => {
      let result: T;
      let isUndone = false;
      this.#queue.add(lane, {
        pace,
        mayRunAgain,
        run: () => {
          const unit = { open: true };
          try {
            const returned = work(unit);
            if (!(returned instanceof Promise)) {
              result = returned;
              unit.open = false;
              return undefined;
            }
            const settled = returned.then((value) => {
              result = value;
            });
            return withinTurn(settled).finally(() => {
              unit.open = false;
            });
          } catch (error) {
            unit.open = false;
            throw error;
          }
        },
        undone: () => {
          if (isUndone) return;
          isUndone = true;
          undone();
        },
        committed: () => resolve(result),
        failed: reject,
      });
    });
  }
}

function openError(path: string, cause: unknown): NolapseError {
  if (cause instanceof NolapseError) return cause;
  const code = sqliteCode(cause) ?? '';
  return code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')
    ? new NolapseError('store_locked', `${path} is in use by another process`, cause)
    : new NolapseError('store_failed', `${path} cannot be opened: ${wordsFor(cause)}`, cause);
}

/**
 * Opens the file, created when missing, mode 0600.
 * @throws NolapseError `no_driver` when no driver is safe on this Node, `store_locked` at once when another process (or this one) has it open, `store_newer` when a newer
 * nolapse has written it, `store_failed` when it cannot be opened or is not a database.
 */
export function openDatabase(path: string, watch?: WriteWatch): Database {
  let sqlite: Connection | null = null;
  try {
    secureFile(path);
    sqlite = openSqlite(path, { timeout: 0 });
    configure(sqlite);
    migrate(sqlite, migrations);
    // The log of a broker that was killed holds what it deleted last.
    emptyLog(sqlite);
    return new Database(sqlite, watch);
  } catch (error) {
    sqlite?.close();
    throw openError(path, error);
  }
}
