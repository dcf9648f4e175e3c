// Inventory, ledger, renewals, outbox, CRL and journal. Instants are Unix milliseconds, fingerprints and serials lower-case
// hex. Partial indexes hold only the rows a sweep may want, so that its cost follows what is due, not the fleet.
import type { Migration } from './migration.ts';

/** Comparisons rather than IN: for a list SQLite builds and drops a temporary table each time a row is written. */
const oneOf = (column: string, ...values: readonly string[]): string =>
  values.map((value) => `${column} = '${value}'`).join(' OR ');

const inventory = `
CREATE TABLE principal (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL CHECK (${oneOf('kind', 'device', 'gateway', 'service')}),
  status TEXT NOT NULL CHECK (${oneOf('status', 'active', 'quarantined', 'decommissioned')}),
  owner TEXT NOT NULL,
  class TEXT NOT NULL,
  criticality TEXT NOT NULL CHECK (${oneOf('criticality', 'low', 'medium', 'high', 'critical')}),
  site TEXT,
  -- No foreign key: an import may name a gateway before its own row.
  gateway TEXT,
  encoding TEXT CHECK (${oneOf('encoding', 'json', 'cbor')})
) STRICT, WITHOUT ROWID;
CREATE INDEX principal_owner ON principal (owner);
CREATE INDEX principal_site ON principal (site) WHERE site IS NOT NULL;

CREATE TABLE contact (
  principal_id TEXT NOT NULL PRIMARY KEY REFERENCES principal (id),
  encoding TEXT CHECK (${oneOf('encoding', 'json', 'cbor')}),
  packet_bytes_max INTEGER,
  slots INTEGER,
  clock_skew_ms INTEGER,
  last_seen_at INTEGER
) STRICT, WITHOUT ROWID;
`;

const ledger = `
CREATE TABLE certificate (
  id INTEGER PRIMARY KEY,
  fingerprint TEXT NOT NULL UNIQUE,
  serial TEXT NOT NULL UNIQUE,
  principal_id TEXT NOT NULL REFERENCES principal (id),
  state TEXT NOT NULL CHECK (${oneOf('state', 'issued', 'active', 'superseded', 'retired', 'revoked', 'expired')}),
  not_before INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  key_fingerprint TEXT NOT NULL,
  renewal_id TEXT REFERENCES renewal (id),
  issued_at INTEGER NOT NULL,
  activated_at INTEGER,
  last_seen_at INTEGER,
  renew_at INTEGER,
  overlap_until INTEGER,
  revoked_at INTEGER,
  revocation_reason TEXT CHECK (${oneOf('revocation_reason', 'unspecified', 'keyCompromise', 'affiliationChanged', 'superseded', 'cessationOfOperation', 'privilegeWithdrawn')}),
  der BLOB NOT NULL,
  -- When it may no longer open a session; null once it may not.
  ends_at INTEGER GENERATED ALWAYS AS (
    CASE WHEN ${oneOf('state', 'issued', 'active', 'superseded')} THEN min(not_after, coalesce(overlap_until, not_after)) END
  ) VIRTUAL,
  CHECK ((revoked_at IS NULL) = (revocation_reason IS NULL))
) STRICT;
CREATE INDEX certificate_principal ON certificate (principal_id, issued_at);
-- Whose key is it; and one key is certified once in a renewal.
CREATE UNIQUE INDEX certificate_key ON certificate (key_fingerprint, renewal_id);
CREATE INDEX certificate_due ON certificate (renew_at, not_after) WHERE renew_at IS NOT NULL AND state = 'active';
CREATE INDEX certificate_ended ON certificate (ends_at) WHERE ends_at IS NOT NULL;
CREATE INDEX certificate_revoked ON certificate (not_after, serial, revoked_at, revocation_reason)
  WHERE revoked_at IS NOT NULL;
`;

const renewals = `
CREATE TABLE renewal (
  -- Grows with each renewal: the newest has the highest, whatever the clock did.
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  principal_id TEXT NOT NULL REFERENCES principal (id),
  state TEXT NOT NULL CHECK (${oneOf('state', 'due', 'offered', 'requested', 'issued', 'delivered', 'installed', 'activated', 'retired', 'failed', 'cancelled', 'lapsed')}),
  mode TEXT NOT NULL CHECK (${oneOf('mode', 'csr', 'recertify', 'keygen')}),
  old_fingerprint TEXT REFERENCES certificate (fingerprint),
  new_fingerprint TEXT REFERENCES certificate (fingerprint),
  created_at INTEGER NOT NULL,
  deadline INTEGER NOT NULL,
  closes_at INTEGER NOT NULL,
  next_at INTEGER,
  attempts INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  request_key TEXT,
  lapsed_at INTEGER,
  activated_at INTEGER,
  confirmed_at INTEGER,
  last_code TEXT,
  last_detail TEXT,
  updated_at INTEGER NOT NULL,
  -- Written apart from the state, and only when it changes, so that a renewal on its way leaves the indexes on it alone.
  ended INTEGER NOT NULL CHECK (ended = (${oneOf('state', 'retired', 'cancelled', 'lapsed')}))
) STRICT;
CREATE INDEX renewal_principal ON renewal (principal_id, ended);
CREATE INDEX renewal_state ON renewal (state);
CREATE INDEX renewal_replaces ON renewal (old_fingerprint) WHERE ended = 0;
CREATE INDEX renewal_next ON renewal (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX renewal_lapsed ON renewal (lapsed_at) WHERE lapsed_at IS NOT NULL;

CREATE TABLE request (
  renewal_id TEXT NOT NULL PRIMARY KEY REFERENCES renewal (id),
  principal_id TEXT NOT NULL REFERENCES principal (id),
  kind TEXT NOT NULL CHECK (${oneOf('kind', 'device', 'gateway', 'service')}),
  uri TEXT NOT NULL,
  serial TEXT NOT NULL UNIQUE,
  spki BLOB NOT NULL,
  key_fingerprint TEXT NOT NULL,
  not_before INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  profile TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`;

const outbox = `
CREATE TABLE effect (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (${oneOf('kind', 'issue', 'prompt', 'close-certificate', 'close-principal', 'publish-crl')}),
  body TEXT NOT NULL CHECK (json_valid(body)),
  due_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL
) STRICT;
CREATE INDEX effect_due ON effect (due_at);

CREATE TABLE crl (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  number INTEGER NOT NULL,
  this_update INTEGER NOT NULL,
  next_update INTEGER NOT NULL,
  der BLOB NOT NULL
) STRICT;

CREATE TABLE journal (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  action TEXT NOT NULL,
  principal_id TEXT,
  renewal_id TEXT,
  detail TEXT NOT NULL
) STRICT;
-- Also finds a renewal's lines, by way of its principal: each line written costs one index, not two.
CREATE INDEX journal_principal ON journal (principal_id, renewal_id) WHERE principal_id IS NOT NULL;
`;

// How many rows are in each state, kept by triggers: counting a fleet must not read it.
const tally = `
CREATE TABLE tally (
  subject TEXT NOT NULL,
  state TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (subject, state)
) STRICT, WITHOUT ROWID;
INSERT INTO tally (subject, state, count)
  SELECT 'certificate', value, 0
  FROM json_each('["issued", "active", "superseded", "retired", "revoked", "expired"]');
INSERT INTO tally (subject, state, count)
  SELECT 'renewal', value, 0
  FROM json_each('["due", "offered", "requested", "issued", "delivered", "installed", "activated", "retired", "failed",
    "cancelled", "lapsed"]');
${['certificate', 'renewal']
  .map(
    (table) => `
CREATE TRIGGER ${table}_added AFTER INSERT ON ${table} BEGIN
  UPDATE tally SET count = count + 1 WHERE subject = '${table}' AND state = new.state;
END;
CREATE TRIGGER ${table}_moved AFTER UPDATE OF state ON ${table} WHEN old.state <> new.state BEGIN
  UPDATE tally SET count = count - 1 WHERE subject = '${table}' AND state = old.state;
  UPDATE tally SET count = count + 1 WHERE subject = '${table}' AND state = new.state;
END;
CREATE TRIGGER ${table}_removed AFTER DELETE ON ${table} BEGIN
  UPDATE tally SET count = count - 1 WHERE subject = '${table}' AND state = old.state;
END;
`,
  )
  .join('')}`;

export const ledgerMigration: Migration = {
  version: 1,
  name: 'ledger',
  sql: [inventory, ledger, renewals, outbox, tally].join('\n'),
};
