// The one connection to the home's SQLite file, and the queue through which everything is written. Units of work run one
// after another, each in its savepoint; those that wait together are committed together, and nobody is told before that.
import { NolapseError } from '../../domain/errors.ts';
import type { StoreFile } from '../../ports/store-file.ts';
import { configure, emptyLog, secureFile } from './configure.ts';
import { copyDatabase } from './copy.ts';
import { quickCheck, readThrough, wordsFor } from './damage.ts';
import { migrate } from './migrate.ts';
import { migrations } from './migrations/index.ts';
import { type Connection, openSqlite, type Statement, sqliteCode } from './sqlite.ts';
import { WriteWatch } from './write-watch.ts';

/**
 * Units committed together: so many at most, and beyond the least only until the time is up. Bounds how long everybody else
 * waits for one commit.
 */
const unitsPerCommitMax = 256;
const unitsPerCommitLeast = 8;
const commitMs = 10;

/** Whose a unit is. Units of one lane run in the order they came; the lanes take turns, so that none waits for all of another's. */
const lanes = ['messages', 'ledger'] as const;
type Lane = (typeof lanes)[number];

/** A unit of work while it runs. */
export interface OpenUnit {
  /** False once the unit has ended: what still writes in its name then would write into another's. */
  readonly open: boolean;
}

interface Unit {
  /** Does the work; undefined when it is done without waiting. */
  run(): Promise<void> | undefined;
  /** What it wrote is undone. Called at once: before any other unit runs, and once. */
  undone(): void;
  committed(): void;
  failed(error: unknown): void;
}

/** Fails when the event loop turns before `pending` settles: the work waits for something that is not this connection. */
function withinTurn(pending: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const turned = setImmediate(() =>
      reject(new NolapseError('unit_stalled', 'a unit of work awaited something other than the store')),
    );
    pending.then(resolve, reject).finally(() => clearImmediate(turned));
  });
}

export class Database {
  readonly sqlite: Connection;
  readonly #watch: WriteWatch;
  readonly #waiting: Readonly<Record<Lane, Unit[]>> = { messages: [], ledger: [] };
  #last: Lane = 'ledger';
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #save: Statement;
  readonly #release: Statement;
  #onUndone: () => void = () => undefined;
  #draining = false;
  #closing: Promise<void> | null = null;

  constructor(sqlite: Connection, watch = new WriteWatch()) {
    this.sqlite = sqlite;
    this.#watch = watch;
    this.#begin = sqlite.prepare('BEGIN IMMEDIATE');
    this.#commit = sqlite.prepare('COMMIT');
    this.#save = sqlite.prepare('SAVEPOINT unit');
    this.#release = sqlite.prepare('RELEASE unit');
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
    return this.#enqueue(work, lane, undone);
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

  /** Calls the listener, the only one, at once when anything that a unit wrote is undone: before any other unit runs. */
  onUndone(listener: () => void): void {
    this.#onUndone = listener;
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
    this.#closing ??= Promise.all(
      lanes.map((lane) =>
        this.#enqueue(
          () => undefined,
          lane,
          () => undefined,
        ),
      ),
    )
      .then(() => undefined)
      .finally(() => this.sqlite.close());
    return this.#closing;
  }

  #enqueue<T>(work: (unit: OpenUnit) => Promise<T> | T, lane: Lane, undone: () => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let result: T;
      let isUndone = false;
      this.#waiting[lane].push({
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
      if (!this.#draining) {
        this.#draining = true;
        setImmediate(() => void this.#drain());
      }
    });
  }

  get #waits(): number {
    return lanes.reduce((sum, lane) => sum + this.#waiting[lane].length, 0);
  }

  /** One batch a turn: those who were told of the last commit read before the next one begins. */
  async #drain(): Promise<void> {
    await this.#runBatch();
    if (this.#waits > 0) setImmediate(() => void this.#drain());
    else this.#draining = false;
  }

  /** The next unit, of the lane that did not have the last turn if anything waits there. */
  #take(): Unit | undefined {
    const other = this.#last === 'messages' ? 'ledger' : 'messages';
    if (this.#waiting[other].length > 0) this.#last = other;
    return this.#waiting[this.#last].shift();
  }

  /** @param failures takes what keeps a unit from taking back what it remembered: it fails with that. */
  #undo(statement: string, units: readonly Unit[], failures: Map<Unit, unknown>): void {
    this.#onUndone();
    if (this.sqlite.inTransaction) this.sqlite.exec(statement);
    for (const unit of units) {
      try {
        unit.undone();
      } catch (error) {
        failures.set(unit, error);
      }
    }
  }

  async #runBatch(): Promise<void> {
    const batch: Unit[] = [];
    const failures = new Map<Unit, unknown>();
    // A unit alone is undone with its transaction; a savepoint would keep a copy of every page a long import touches.
    const alone = this.#waits === 1;
    const until = performance.now() + commitMs;
    const mayGoOn = (): boolean =>
      !alone && batch.length < unitsPerCommitMax && (batch.length < unitsPerCommitLeast || performance.now() < until);
    const next = (): Unit | undefined => {
      const unit = this.#take();
      if (unit) batch.push(unit);
      return unit;
    };
    try {
      // Taken before the transaction begins: if that fails, somebody is told.
      let unit = next();
      this.#begin.run();
      for (; unit; unit = mayGoOn() ? next() : undefined) {
        if (!alone) this.#save.run();
        try {
          const pending = unit.run();
          if (pending) await pending;
          if (!alone) this.#release.run();
        } catch (error) {
          failures.set(unit, error);
          this.#watch.failed(error);
          // A full disk or an I/O error makes SQLite undo the whole transaction by itself.
          if (alone || !this.sqlite.inTransaction) throw error;
          this.#undo('ROLLBACK TO unit; RELEASE unit', [unit], failures);
        }
      }
      this.#commit.run();
    } catch (cause) {
      this.#watch.failed(cause);
      this.#undo('ROLLBACK', batch, failures);
      const error = new NolapseError('store_failed', `nothing was committed: ${wordsFor(cause)}`, cause);
      for (const unit of batch) unit.failed(failures.get(unit) ?? error);
      return;
    }
    for (const unit of batch) {
      if (failures.has(unit)) unit.failed(failures.get(unit));
      else unit.committed();
    }
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
