// The one connection to the home's SQLite file, and the queue through which everything is written. Units of work run one
// after another, each in its savepoint; those that wait together are committed together, and nobody is told before that.
import Sqlite from 'better-sqlite3';
import { GatewayError } from '../domain/errors.ts';

/** Units committed together at most: bounds how long readers of the event loop wait for one commit. */
const unitsPerCommitMax = 256;

interface Unit {
  run(): Promise<void>;
  committed(): void;
  failed(error: unknown): void;
}

export class Database {
  readonly sqlite: Sqlite.Database;
  readonly #waiting: Unit[] = [];
  #running = false;
  #closed = false;

  constructor(sqlite: Sqlite.Database) {
    this.sqlite = sqlite;
  }

  /**
   * Runs `work` alone and resolves with its result once it is durably committed; a throw undoes what it wrote and rejects.
   * `work` must await nothing but results of this connection, so that a batch ends within one turn of the event loop.
   */
  submit<T>(work: () => Promise<T> | T): Promise<T> {
    if (this.#closed) return Promise.reject(new GatewayError('store_closed', 'the store is closed'));
    return new Promise<T>((resolve, reject) => {
      let result: T;
      this.#waiting.push({
        run: async () => {
          result = await work();
        },
        committed: () => resolve(result),
        failed: reject,
      });
      if (!this.#running) {
        this.#running = true;
        setImmediate(() => void this.#drain());
      }
    });
  }

  /** Resolves when everything submitted so far is committed, then closes the file. */
  async close(): Promise<void> {
    if (this.#closed) return;
    await this.submit(() => undefined);
    this.#closed = true;
    this.sqlite.close();
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#commit(this.#waiting.splice(0, unitsPerCommitMax));
    }
    this.#running = false;
  }

  async #commit(batch: readonly Unit[]): Promise<void> {
    const done: Unit[] = [];
    try {
      this.sqlite.exec('BEGIN IMMEDIATE');
      for (const unit of batch) {
        this.sqlite.exec('SAVEPOINT unit');
        try {
          await unit.run();
          this.sqlite.exec('RELEASE unit');
          done.push(unit);
        } catch (error) {
          this.sqlite.exec('ROLLBACK TO unit; RELEASE unit');
          unit.failed(error);
        }
      }
      this.sqlite.exec('COMMIT');
    } catch (error) {
      if (this.sqlite.inTransaction) this.sqlite.exec('ROLLBACK');
      for (const unit of batch) unit.failed(error);
      return;
    }
    for (const unit of done) unit.committed();
  }
}

/**
 * Opens the file (mode 0600, created when missing) for this process alone: a second opener fails with `store_locked`.
 * synchronous=FULL: what is committed survives a power cut.
 */
export function openDatabase(path: string): Database {
  const sqlite = new Sqlite(path);
  try {
    sqlite.pragma('locking_mode = EXCLUSIVE');
    sqlite.pragma('journal_mode = WAL');
    sqlite.pragma('synchronous = FULL');
    sqlite.pragma('foreign_keys = ON');
    sqlite.pragma('busy_timeout = 2000');
    sqlite.exec('BEGIN IMMEDIATE; COMMIT');
  } catch (error) {
    sqlite.close();
    throw new GatewayError('store_locked', `${path} is in use by another process`, error);
  }
  return new Database(sqlite);
}
