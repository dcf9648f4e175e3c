// An authority elsewhere is told of revocations: one more kind of effect. SQLite changes no CHECK, so the table is made anew.
import type { Migration } from './migration.ts';

const kinds = ['issue', 'prompt', 'revoke', 'close-certificate', 'close-principal'];

const sql = `
CREATE TABLE effect_anew (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (${kinds.map((kind) => `kind = '${kind}'`).join(' OR ')}),
  body TEXT NOT NULL CHECK (json_valid(body)),
  due_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  rank INTEGER
) STRICT;
INSERT INTO effect_anew (id, key, kind, body, due_at, attempts, rank)
  SELECT id, key, kind, body, due_at, attempts, rank FROM effect;
DROP TABLE effect;
ALTER TABLE effect_anew RENAME TO effect;
CREATE INDEX effect_due ON effect (due_at, rank) WHERE rank IS NULL;
CREATE INDEX effect_queue ON effect (kind, rank, due_at) WHERE rank IS NOT NULL;
`;

export const revokeEffectMigration: Migration = { version: 31, name: 'revoke-effect', sql };
