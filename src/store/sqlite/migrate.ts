// Brings a database file to the schema this code knows, one transaction a step. It never goes backwards, and never opens a
// file that a newer nolapse has written.
import { NolapseError } from '../../domain/errors.ts';
import type { Migration } from './migrations/migration.ts';
import type { Connection } from './sqlite.ts';

/**
 * Runs the steps the file lacks; PRAGMA user_version says which it has.
 * @throws NolapseError `store_newer` when the file has more steps than `migrations`, `store_failed` when a step fails: the
 * file then stays as the step before left it.
 */
export function migrate(sqlite: Connection, migrations: readonly Migration[]): void {
  const present = Number(sqlite.pragma('user_version', { simple: true }));
  const known = migrations.at(-1)?.version ?? 0;
  if (present > known) {
    throw new NolapseError(
      'store_newer',
      `${sqlite.name} has schema ${present}, this nolapse knows ${known}: start the newer nolapse, or restore a backup`,
    );
  }
  for (const { version, name, sql } of migrations.slice(present)) {
    try {
      sqlite.exec('BEGIN IMMEDIATE');
      sqlite.exec(sql);
      sqlite.pragma(`user_version = ${version}`);
      sqlite.exec('COMMIT');
    } catch (error) {
      if (sqlite.inTransaction) sqlite.exec('ROLLBACK');
      throw new NolapseError('store_failed', `schema step ${version} (${name}) failed on ${sqlite.name}`, error);
    }
  }
}
