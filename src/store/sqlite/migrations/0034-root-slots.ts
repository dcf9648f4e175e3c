// The slots of roots. A home from before has one root, which its first start enters from the files.
import type { Migration } from './migration.ts';

const sql = `
CREATE TABLE root_slot (
  number INTEGER NOT NULL PRIMARY KEY CHECK (number >= 1),
  state TEXT NOT NULL CHECK (state = 'next' OR state = 'current' OR state = 'former' OR state = 'retired' OR state = 'aborted'),
  fingerprint TEXT NOT NULL UNIQUE,
  not_before INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  prepared_at INTEGER NOT NULL,
  distributed_at INTEGER,
  activated_at INTEGER,
  ended_at INTEGER,
  port INTEGER CHECK (port BETWEEN 1 AND 65535),
  sequence INTEGER UNIQUE CHECK (sequence BETWEEN 1 AND 999999999999999),
  step BLOB,
  backup_at INTEGER,
  CHECK ((ended_at IS NULL) = (state = 'next' OR state = 'current' OR state = 'former'))
) STRICT;
CREATE UNIQUE INDEX root_slot_state ON root_slot (state) WHERE state = 'next' OR state = 'current' OR state = 'former';
`;

export const rootSlotsMigration: Migration = { version: 34, name: 'root-slots', sql };
