// The one place that loads a SQLite driver: the one that is safe on the Node that runs. Nothing is loaded before a file is opened.
import { createRequire } from 'node:module';
import type Sqlite from 'better-sqlite3';
import { NolapseError } from '../../domain/errors.ts';
import { chooseDriver, type DriverPackage, type Loaded } from './engine.ts';

export type Connection = Sqlite.Database;
export type Statement<Bound extends unknown[] = unknown[], Row = unknown> = Sqlite.Statement<Bound, Row>;

const require = createRequire(import.meta.url);

// Each by its name, so that tools which look for unused packages find them.
const packages: Readonly<Record<DriverPackage, () => typeof Sqlite>> = {
  'better-sqlite3': () => require('better-sqlite3'),
  'better-sqlite3-12': () => require('better-sqlite3-12'),
};

function load(name: DriverPackage): Loaded<typeof Sqlite> {
  try {
    require.resolve(name);
  } catch {
    return { missing: true };
  }
  try {
    const driver = packages[name]();
    // The binary is loaded with the first connection.
    new driver(':memory:').close();
    return { driver };
  } catch (error) {
    return { broken: error instanceof Error ? error.message : String(error) };
  }
}

let chosen: typeof Sqlite | null = null;

/**
 * The driver for this Node.
 * @throws NolapseError `no_driver` when there is none that is safe, with one line that says what to do.
 */
export function sqliteDriver(): typeof Sqlite {
  if (chosen) return chosen;
  const choice = chooseDriver(process.versions.node, load);
  if ('refusal' in choice) throw new NolapseError('no_driver', choice.refusal);
  chosen = choice.driver;
  return chosen;
}

/**
 * Opens a database file.
 * @throws NolapseError `no_driver` as {@link sqliteDriver}, and SQLite's own error when the file cannot be opened.
 */
export function openSqlite(path: string, options: Sqlite.Options = {}): Connection {
  const driver = sqliteDriver();
  return new driver(path, options);
}

/** SQLite's code for an error of the driver, such as `SQLITE_FULL`; null for every other error. */
export function sqliteCode(error: unknown): string | null {
  return chosen && error instanceof chosen.SqliteError ? error.code : null;
}
