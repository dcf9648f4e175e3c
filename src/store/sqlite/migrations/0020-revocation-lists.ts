// Revocation lists by shard. What a list has not been told yet is counted with the revocation itself, so that it survives whatever
// interrupts its signing. The lists' bytes are in files: a list can be megabytes, and is made from the ledger at any time.
import type { Migration } from './migration.ts';

const sql = `
ALTER TABLE certificate ADD COLUMN crl_shard INTEGER;
DROP INDEX certificate_revoked;
-- Only its own CA's list can name another CA's certificate.
CREATE INDEX certificate_revoked ON certificate (not_after, serial, revoked_at, revocation_reason)
  WHERE revoked_at IS NOT NULL AND instr(serial, '@') = 0;
CREATE INDEX certificate_shard ON certificate (crl_shard, not_after, serial, revoked_at, revocation_reason)
  WHERE revoked_at IS NOT NULL AND crl_shard IS NOT NULL;

CREATE TABLE revocation_list (
  -- 0: the complete list.
  shard INTEGER NOT NULL PRIMARY KEY CHECK (shard >= 0),
  url TEXT UNIQUE,
  certificates INTEGER NOT NULL DEFAULT 0,
  last_not_after INTEGER NOT NULL DEFAULT 0,
  number INTEGER NOT NULL DEFAULT 0,
  this_update INTEGER NOT NULL DEFAULT 0,
  next_update INTEGER NOT NULL DEFAULT 0,
  scheduled_at INTEGER NOT NULL DEFAULT 0,
  entries INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0,
  revoked INTEGER NOT NULL DEFAULT 0,
  urgent INTEGER NOT NULL DEFAULT 0,
  listed_revoked INTEGER NOT NULL DEFAULT 0,
  listed_urgent INTEGER NOT NULL DEFAULT 0,
  half_time INTEGER GENERATED ALWAYS AS ((this_update + next_update) / 2) VIRTUAL,
  CHECK ((shard = 0) = (url IS NULL))
) STRICT;
CREATE INDEX revocation_list_half_time ON revocation_list (half_time);
CREATE INDEX revocation_list_begins ON revocation_list (this_update);
CREATE INDEX revocation_list_ends ON revocation_list (next_update);
CREATE INDEX revocation_list_urgent ON revocation_list (shard) WHERE urgent > listed_urgent;
CREATE INDEX revocation_list_routine ON revocation_list (this_update) WHERE revoked > listed_revoked;

INSERT INTO revocation_list (shard) VALUES (0);
UPDATE revocation_list SET (number, this_update, next_update, scheduled_at) =
  (SELECT number, this_update, next_update, this_update FROM crl) WHERE EXISTS (SELECT 1 FROM crl);
-- Its bytes were in the table that goes: it is signed anew.
UPDATE revocation_list SET revoked = 1, urgent = 1 WHERE number > 0;
DROP TABLE crl;
DELETE FROM effect WHERE kind = 'publish-crl';

CREATE TRIGGER certificate_listed AFTER UPDATE OF revoked_at ON certificate
  WHEN new.revoked_at IS NOT NULL AND old.revoked_at IS NULL AND new.not_after > new.revoked_at AND instr(new.serial, '@') = 0
BEGIN
  UPDATE revocation_list SET revoked = revoked + 1, urgent = urgent + (new.revocation_reason <> 'superseded')
  WHERE shard = 0 OR shard = new.crl_shard;
END;
CREATE TRIGGER certificate_added_revoked AFTER INSERT ON certificate
  WHEN new.revoked_at IS NOT NULL AND new.not_after > new.revoked_at AND instr(new.serial, '@') = 0
BEGIN
  UPDATE revocation_list SET revoked = revoked + 1, urgent = urgent + (new.revocation_reason <> 'superseded')
  WHERE shard = 0;
END;
`;

export const revocationListsMigration: Migration = { version: 20, name: 'revocation-lists', sql };
