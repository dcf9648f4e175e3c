// What a site gateway says of a device, and brings of its requests, is kept apart from what the device says itself.
//
// Who said what is in the contacts of before is not known. Where a site gateway may have, it is doubtful: the device's own sessions are
// governed by the inventory until the device speaks again, and what was said goes on where it may have been said: on the way through
// those who may speak for it.
import type { Migration } from './migration.ts';

const sql = `
CREATE TABLE carried_contact (
  principal_id TEXT NOT NULL REFERENCES principal (id),
  gateway_id TEXT NOT NULL REFERENCES principal (id),
  encoding TEXT CHECK (encoding IS NULL OR encoding = 'json' OR encoding = 'cbor'),
  packet_bytes_max INTEGER,
  slots INTEGER,
  clock_skew_ms INTEGER,
  last_seen_at INTEGER,
  PRIMARY KEY (principal_id, gateway_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX carried_contact_gateway ON carried_contact (gateway_id);

INSERT INTO carried_contact
  SELECT DISTINCT c.principal_id, d.gateway_id, c.encoding, c.packet_bytes_max, c.slots, c.clock_skew_ms, c.last_seen_at
  FROM contact AS c
  JOIN principal AS p ON p.id = c.principal_id AND p.kind = 'device'
  JOIN delegation AS d ON d.revoked_at IS NULL AND (
    d.site = p.site OR d.id IN (SELECT delegation_id FROM delegation_device WHERE principal_id = p.id)
  );

-- A device may have been at the site of a delegation then and be at another now.
ALTER TABLE contact ADD COLUMN doubtful INTEGER NOT NULL DEFAULT 0;
UPDATE contact SET doubtful = 1 WHERE principal_id IN (SELECT id FROM principal WHERE kind = 'device') AND (
  EXISTS (SELECT 1 FROM delegation WHERE site IS NOT NULL)
  OR principal_id IN (SELECT principal_id FROM delegation_device)
);

-- The beginning of a request that comes in parts through a site gateway.
CREATE TABLE carried_upload (
  renewal_id TEXT NOT NULL REFERENCES renewal (id),
  gateway_id TEXT NOT NULL REFERENCES principal (id),
  total INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (renewal_id, gateway_id)
) STRICT;

ALTER TABLE renewal ADD COLUMN carried_requests INTEGER NOT NULL DEFAULT 0;
ALTER TABLE renewal ADD COLUMN failed_via TEXT REFERENCES principal (id);
UPDATE renewal SET carried_requests = requests WHERE via IS NOT NULL AND ended = 0;
UPDATE renewal SET failed_via = via WHERE state = 'failed' AND via IS NOT NULL;
`;

export const carriedMigration: Migration = { version: 14, name: 'carried', sql };
