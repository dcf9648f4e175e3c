// How the database's file is kept: its mode, its log, what survives a power cut, and what is overwritten.
import { chmodSync, closeSync, existsSync, openSync } from 'node:fs';
import { NolapseError } from '../../domain/errors.ts';
import type { Connection } from './sqlite.ts';

/** Page cache: holds the indexes of about 100,000 devices. */
const cacheKib = 65_536;

/** Pages of the log at which a commit writes it into the file: what one commit takes on beside its own. */
const checkpointPages = 1_000;
/** Bytes of the log's file that stay after it was written into the ledger's. */
const logBytesKept = 16 * 1_048_576;

const ownerOnly = 0o600;

/** SQLite gives a new write-ahead log the mode of the database file, so the file is made before SQLite sees it. */
export function secureFile(path: string): void {
  closeSync(openSync(path, 'a', ownerOnly));
  for (const file of [path, `${path}-wal`]) {
    if (existsSync(file)) chmodSync(file, ownerOnly);
  }
}

/** Writes the log into the file and empties it. Throws NolapseError `store_failed` when that cannot be done. */
export function emptyLog(sqlite: Connection): void {
  const [result] = sqlite.pragma('wal_checkpoint(TRUNCATE)') as { readonly busy: number }[];
  if (result?.busy !== 0) throw new NolapseError('store_failed', 'the write-ahead log could not be emptied');
}

export function configure(sqlite: Connection): void {
  // Exclusive before anything is read: the lock is held until close, and the log's index lives in memory, not in a file.
  sqlite.pragma('locking_mode = EXCLUSIVE');
  sqlite.pragma('journal_mode = WAL');
  // What is committed survives a power cut.
  sqlite.pragma('synchronous = FULL');
  sqlite.pragma('foreign_keys = ON');
  // What is deleted is overwritten: a key on its way to a device is to be nowhere once it has arrived.
  sqlite.pragma('secure_delete = ON');
  // A checkpoint takes on some 4 MB; what a long import has made the log grow by is given back with the next one.
  sqlite.pragma(`wal_autocheckpoint = ${checkpointPages}`);
  sqlite.pragma(`journal_size_limit = ${logBytesKept}`);
  // What a savepoint keeps to undo a unit stays out of temporary files: they cost more than the log itself.
  sqlite.pragma('temp_store = MEMORY');
  sqlite.pragma(`cache_size = ${-cacheKib}`);
  sqlite.exec('BEGIN IMMEDIATE; COMMIT');
}
