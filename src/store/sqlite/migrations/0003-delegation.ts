// What constrained devices and their gateways need: what a device can do, requests that come in parts, keys made for a device
// and encrypted to it, and who may act for whom.
import type { Migration } from './migration.ts';

const sql = `
ALTER TABLE principal ADD COLUMN modes TEXT NOT NULL DEFAULT '';
ALTER TABLE principal ADD COLUMN packet_bytes_max INTEGER;
ALTER TABLE principal ADD COLUMN slots INTEGER;
ALTER TABLE renewal ADD COLUMN via TEXT REFERENCES principal (id);

-- The beginning of a request that comes in parts.
CREATE TABLE upload (
  renewal_id TEXT NOT NULL PRIMARY KEY REFERENCES renewal (id),
  total INTEGER NOT NULL,
  bytes BLOB NOT NULL
) STRICT;

-- A key the gateway made, encrypted to the device's own; gone once the device has it.
CREATE TABLE envelope (
  renewal_id TEXT NOT NULL PRIMARY KEY REFERENCES renewal (id),
  der BLOB NOT NULL
) STRICT;

CREATE TABLE delegation (
  id TEXT NOT NULL PRIMARY KEY,
  gateway_id TEXT NOT NULL REFERENCES principal (id),
  site TEXT,
  modes TEXT NOT NULL,
  ends_at INTEGER NOT NULL,
  daily_limit INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX delegation_gateway ON delegation (gateway_id);
CREATE INDEX delegation_site ON delegation (site) WHERE site IS NOT NULL AND revoked_at IS NULL;

CREATE TABLE delegation_device (
  delegation_id TEXT NOT NULL REFERENCES delegation (id),
  principal_id TEXT NOT NULL REFERENCES principal (id),
  PRIMARY KEY (delegation_id, principal_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX delegation_device_principal ON delegation_device (principal_id);

-- Renewals begun under a delegation, a row a day: enough to count by, and a record of use.
CREATE TABLE delegation_use (
  delegation_id TEXT NOT NULL REFERENCES delegation (id),
  day INTEGER NOT NULL,
  renewals INTEGER NOT NULL,
  PRIMARY KEY (delegation_id, day)
) STRICT, WITHOUT ROWID;
`;

export const delegationMigration: Migration = { version: 3, name: 'delegation', sql };
