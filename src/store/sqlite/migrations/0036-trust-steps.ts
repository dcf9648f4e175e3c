// Steps of roots, what principals were told of them, and two more kinds of effect. SQLite changes no CHECK, so their table is made anew.
import type { Migration } from './migration.ts';

const effects = ['issue', 'prompt', 'revoke', 'announce', 'announce-all', 'close-certificate', 'close-principal'];

const sql = `
CREATE TABLE trust_step (
  sequence INTEGER PRIMARY KEY CHECK (sequence BETWEEN 1 AND 999999999999999),
  kind TEXT NOT NULL CHECK (kind = 'successor' OR kind = 'drop' OR kind = 'withdraw'),
  signer INTEGER NOT NULL CHECK (signer >= 1),
  named INTEGER NOT NULL CHECK (named >= 1),
  bytes BLOB NOT NULL,
  port INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
  made_at INTEGER NOT NULL,
  announced_from INTEGER,
  kept_until INTEGER NOT NULL,
  CHECK ((kind = 'successor') = (named <> signer))
) STRICT;

CREATE TABLE trust_told (
  principal_id TEXT PRIMARY KEY,
  body TEXT NOT NULL CHECK (json_valid(body)),
  tell_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX trust_told_due ON trust_told (tell_at) WHERE tell_at IS NOT NULL;

CREATE TABLE effect_anew (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (${effects.map((kind) => `kind = '${kind}'`).join(' OR ')}),
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

export const trustStepsMigration: Migration = { version: 36, name: 'trust-steps', sql };
