// The store as the composition root takes it: one file, one connection, and the application's port over it.
import type { Store } from '../ports/store.ts';
import { type Database, openDatabase } from './database.ts';
import { createStore } from './store.ts';
import { WriteWatch } from './write-watch.ts';

/**
 * Opens `path`, created when missing with mode 0600, for this process alone. Closing the store closes the database. `steady` gives
 * milliseconds that only go forward.
 * @throws GatewayError `store_locked`, `store_newer` or `store_failed`, as {@link openDatabase}.
 */
export function openStore(path: string, steady?: () => number): { store: Store; database: Database } {
  const database = openDatabase(path, new WriteWatch(steady));
  return { store: createStore(database), database };
}
