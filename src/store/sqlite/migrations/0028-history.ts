// A principal's history grows for ever, and what is decided about it each day must not read it whole: what may still matter of its
// certificates, keys and delegations is found by indexes that hold nothing else.
import type { Migration } from './migration.ts';

const sql = `
CREATE INDEX certificate_held ON certificate (principal_id, issued_at)
  WHERE state = 'issued' OR state = 'active' OR state = 'superseded' OR state = 'expired';
-- Who holds a key, and since when: one search for each principal, however often the key was certified.
CREATE INDEX certificate_holder ON certificate (key_fingerprint, principal_id, issued_at);
CREATE INDEX certificate_tainted ON certificate (key_fingerprint, revocation_reason)
  WHERE revocation_reason IS NOT NULL AND revocation_reason <> 'superseded';

-- The end of the delegation; 0: it is revoked.
ALTER TABLE delegation_device ADD COLUMN stands_until INTEGER NOT NULL DEFAULT 0;
UPDATE delegation_device SET stands_until = coalesce(
  (SELECT ends_at FROM delegation WHERE id = delegation_id AND revoked_at IS NULL), 0);
DROP INDEX delegation_device_principal;
CREATE INDEX delegation_device_principal ON delegation_device (principal_id, stands_until) WHERE stands_until > 0;
DROP INDEX delegation_site;
CREATE INDEX delegation_site ON delegation (site, ends_at) WHERE site IS NOT NULL AND revoked_at IS NULL;
CREATE INDEX delegation_standing ON delegation (gateway_id, ends_at) WHERE revoked_at IS NULL;
`;

export const historyMigration: Migration = { version: 28, name: 'history', sql };
