// The revocation list of each root, and the issuing CAs that are revoked.
import type { Migration } from './migration.ts';

const sql = `
CREATE TABLE root_list (
  root INTEGER NOT NULL PRIMARY KEY CHECK (root >= 1),
  number INTEGER NOT NULL CHECK (number BETWEEN 1 AND 9007199254740991),
  this_update INTEGER NOT NULL,
  next_update INTEGER NOT NULL,
  entries TEXT NOT NULL CHECK (json_valid(entries)),
  der BLOB NOT NULL
) STRICT;
CREATE TABLE revoked_issuing (
  number INTEGER NOT NULL PRIMARY KEY CHECK (number >= 1),
  root INTEGER NOT NULL CHECK (root >= 1),
  serial TEXT NOT NULL,
  not_after INTEGER NOT NULL,
  revoked_at INTEGER NOT NULL,
  reason TEXT NOT NULL
) STRICT;
`;

export const rootListsMigration: Migration = { version: 38, name: 'root-lists', sql };
