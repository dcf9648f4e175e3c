// Whose a key is, as a row of its own: that two principals ask at once for a certificate over one key is found at it, whichever comes
// first. A key that came with the certificates of several, from another CA say, is known to be shared.
import type { Migration } from './migration.ts';

const sql = `
CREATE TABLE key_owner (
  key_fingerprint TEXT PRIMARY KEY,
  principal_id TEXT NOT NULL,
  is_shared INTEGER NOT NULL DEFAULT 0 CHECK (is_shared = 0 OR is_shared = 1)
) STRICT, WITHOUT ROWID;
INSERT INTO key_owner (key_fingerprint, principal_id, is_shared)
  SELECT key_fingerprint, min(principal_id), min(principal_id) <> max(principal_id) FROM certificate GROUP BY key_fingerprint;
INSERT OR IGNORE INTO key_owner (key_fingerprint, principal_id) SELECT key_fingerprint, principal_id FROM request;

CREATE TRIGGER certificate_has_owner AFTER INSERT ON certificate BEGIN
  INSERT INTO key_owner (key_fingerprint, principal_id) VALUES (new.key_fingerprint, new.principal_id)
    ON CONFLICT (key_fingerprint) DO UPDATE SET is_shared = 1 WHERE principal_id <> excluded.principal_id AND is_shared = 0;
END;
`;

export const keyOwnerMigration: Migration = { version: 30, name: 'key-owner', sql };
