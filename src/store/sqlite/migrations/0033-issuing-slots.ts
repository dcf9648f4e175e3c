// Several issuing CAs: their slots, which of them issued each certificate, and revocation lists of each. Every certificate from before
// reads as the first one's without being written; the first start takes that from those that say otherwise themselves.
import type { Migration } from './migration.ts';

const lists = `
DROP TRIGGER certificate_listed;
DROP TRIGGER certificate_added_revoked;
CREATE TABLE revocation_list_anew (
  -- 0: the complete list of issuing CA 1, -1: that of issuing CA 2, and so on. From 1: shards.
  shard INTEGER NOT NULL PRIMARY KEY,
  issuer INTEGER NOT NULL CHECK (issuer >= 1),
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
  CHECK ((shard <= 0) = (url IS NULL)),
  CHECK (shard > 0 OR shard = 1 - issuer)
) STRICT;
INSERT INTO revocation_list_anew (shard, issuer, url, certificates, last_not_after, number, this_update, next_update, scheduled_at,
    entries, bytes, revoked, urgent, listed_revoked, listed_urgent)
  SELECT shard, 1, url, certificates, last_not_after, number, this_update, next_update, scheduled_at,
    entries, bytes, revoked, urgent, listed_revoked, listed_urgent FROM revocation_list;
DROP TABLE revocation_list;
ALTER TABLE revocation_list_anew RENAME TO revocation_list;
CREATE INDEX revocation_list_half_time ON revocation_list (half_time);
CREATE INDEX revocation_list_begins ON revocation_list (this_update);
CREATE INDEX revocation_list_ends ON revocation_list (next_update);
CREATE INDEX revocation_list_urgent ON revocation_list (shard) WHERE urgent > listed_urgent;
CREATE INDEX revocation_list_routine ON revocation_list (this_update) WHERE revoked > listed_revoked;
CREATE INDEX revocation_list_issuer ON revocation_list (issuer, shard);
`;

const certificates = `
ALTER TABLE certificate ADD COLUMN issuer INTEGER DEFAULT 1 CHECK (issuer >= 1);
UPDATE certificate SET issuer = NULL WHERE instr(serial, '@') > 0;
DROP INDEX certificate_revoked;
CREATE INDEX certificate_revoked ON certificate (issuer, not_after, serial, revoked_at, revocation_reason)
  WHERE revoked_at IS NOT NULL AND issuer IS NOT NULL;
CREATE TRIGGER certificate_listed AFTER UPDATE OF revoked_at ON certificate
  WHEN new.revoked_at IS NOT NULL AND old.revoked_at IS NULL AND new.not_after > new.revoked_at AND new.issuer IS NOT NULL
BEGIN
  UPDATE revocation_list SET revoked = revoked + 1, urgent = urgent + (new.revocation_reason <> 'superseded')
  WHERE shard = 1 - new.issuer OR shard = new.crl_shard;
END;
CREATE TRIGGER certificate_added_revoked AFTER INSERT ON certificate
  WHEN new.revoked_at IS NOT NULL AND new.not_after > new.revoked_at AND new.issuer IS NOT NULL
BEGIN
  UPDATE revocation_list SET revoked = revoked + 1, urgent = urgent + (new.revocation_reason <> 'superseded')
  WHERE shard = 1 - new.issuer;
END;
`;

const slots = `
CREATE TABLE issuing_slot (
  number INTEGER NOT NULL PRIMARY KEY CHECK (number >= 1),
  root INTEGER NOT NULL CHECK (root >= 1),
  state TEXT NOT NULL CHECK (state = 'next' OR state = 'current' OR state = 'former' OR state = 'retired' OR state = 'aborted'),
  key_fingerprint TEXT NOT NULL,
  fingerprint TEXT UNIQUE,
  not_before INTEGER,
  not_after INTEGER,
  prepared_at INTEGER NOT NULL,
  activated_at INTEGER,
  replaced_at INTEGER,
  ended_at INTEGER,
  last_leaf_end INTEGER NOT NULL DEFAULT 0,
  CHECK ((fingerprint IS NULL) = (not_before IS NULL) AND (fingerprint IS NULL) = (not_after IS NULL)),
  CHECK (fingerprint IS NOT NULL OR state = 'next' OR state = 'aborted'),
  CHECK ((ended_at IS NULL) = (state = 'next' OR state = 'current' OR state = 'former'))
) STRICT;
CREATE INDEX issuing_slot_living ON issuing_slot (number) WHERE ended_at IS NULL;
CREATE INDEX issuing_slot_ended ON issuing_slot (number) WHERE ended_at IS NOT NULL;
CREATE UNIQUE INDEX issuing_slot_next ON issuing_slot (root) WHERE state = 'next';
CREATE UNIQUE INDEX issuing_slot_current ON issuing_slot (root) WHERE state = 'current';
-- In steps of a share of a life, so that few certificates write it: it may be later than the last one ends, and is never earlier.
CREATE TRIGGER certificate_lengthens_use AFTER INSERT ON certificate
  WHEN new.issuer IS NOT NULL AND new.not_after > (SELECT last_leaf_end FROM issuing_slot WHERE number = new.issuer)
BEGIN
  UPDATE issuing_slot SET last_leaf_end = new.not_after + max(new.not_after - new.not_before, 0) / 64 WHERE number = new.issuer;
END;
`;

export const issuingSlotsMigration: Migration = {
  version: 33,
  name: 'issuing-slots',
  sql: [lists, certificates, slots].join('\n'),
};
