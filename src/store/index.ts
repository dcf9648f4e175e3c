// The store as the composition root takes it: one file, one connection, and the application's port over it.
import type { Store } from '../ports/store.ts';
import { type Database, openDatabase } from './sqlite/database.ts';
import { sqliteDriver } from './sqlite/sqlite.ts';
import { createStore } from './sqlite/store.ts';
import { WriteWatch } from './sqlite/write-watch.ts';

/**
 * Opens `path`, created when missing with mode 0600, for this process alone. Closing the store closes the database. `steady` gives
 * milliseconds that only go forward.
 * @throws NolapseError `no_driver`, `store_locked`, `store_newer` or `store_failed`, as {@link openDatabase}.
 */
export function openStore(path: string, steady?: () => number): { store: Store; database: Database } {
  const database = openDatabase(path, new WriteWatch(steady));
  return { store: createStore(database), database };
}

/**
 * Looks for the driver before anything is made or opened.
 * @throws NolapseError `no_driver` when none is safe on this Node.
 */
export function requireDriver(): void {
  sqliteDriver();
}
