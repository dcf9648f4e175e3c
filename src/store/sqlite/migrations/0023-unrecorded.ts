// What has changed in the ledger and is not in the file of issued certificates yet. Rows are made by triggers of the connection that
// has such a file, and of no other.
import type { Migration } from './migration.ts';

const sql = `
CREATE TABLE unrecorded (
  change INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL CHECK (kind = 'issued' OR kind = 'state' OR kind = 'principal'),
  subject TEXT NOT NULL,
  UNIQUE (kind, subject)
) STRICT;
`;

export const unrecordedMigration: Migration = { version: 23, name: 'unrecorded', sql };
