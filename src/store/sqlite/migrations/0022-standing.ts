// Until when each principal has a certificate that lets it in, kept by triggers beside its record: who is dark is read from an index, and
// never by reading the fleet. The rule is that of domain/standing.ts.
import type { Migration } from './migration.ts';

/** What was seen in use counts; where nothing was, what was issued. Null: it never had a certificate. */
const litUntil = (id: string): string => `coalesce(
    (SELECT max(lights_until) FROM certificate WHERE principal_id = ${id} AND (activated_at IS NULL) = 0),
    (SELECT max(lights_until) FROM certificate WHERE principal_id = ${id} AND (activated_at IS NULL) = 1)
  )`;

const reckon = (row: 'old' | 'new'): string => `
  UPDATE principal SET lit_until = ${litUntil(`${row}.principal_id`)} WHERE id = ${row}.principal_id;`;

const sql = `
ALTER TABLE certificate ADD COLUMN lights_until INTEGER GENERATED ALWAYS AS (
  CASE
    WHEN state = 'superseded' THEN min(not_after, coalesce(overlap_until, not_after))
    WHEN state = 'retired' THEN min(not_after, coalesce(overlap_until, revoked_at, not_after))
    WHEN state = 'revoked' THEN min(not_after, coalesce(revoked_at, not_after))
    ELSE not_after
  END
) VIRTUAL;
CREATE INDEX certificate_lights ON certificate (principal_id, (activated_at IS NULL), lights_until);

ALTER TABLE principal ADD COLUMN lit_until INTEGER;
UPDATE principal SET lit_until = ${litUntil('principal.id')};
CREATE INDEX principal_lit ON principal (lit_until, id, status, owner, kind) WHERE status <> 'decommissioned';

CREATE TRIGGER certificate_lit AFTER INSERT ON certificate BEGIN${reckon('new')}
END;
CREATE TRIGGER certificate_lit_otherwise AFTER UPDATE OF state, not_after, overlap_until, revoked_at, activated_at ON certificate
  WHEN old.lights_until <> new.lights_until OR (old.activated_at IS NULL) <> (new.activated_at IS NULL) BEGIN${reckon('new')}
END;
CREATE TRIGGER certificate_out AFTER DELETE ON certificate BEGIN${reckon('old')}
END;
-- Whoever goes dark is looked at then, whatever the state of the certificate.
CREATE TRIGGER principal_lit_otherwise AFTER UPDATE OF lit_until ON principal
  WHEN old.lit_until IS NOT new.lit_until AND new.lit_until IS NOT NULL BEGIN
  INSERT INTO watch (principal_id, due_at) VALUES (new.id, new.lit_until)
    ON CONFLICT (principal_id) DO UPDATE SET due_at = min(due_at, excluded.due_at);
END;
INSERT INTO watch (principal_id, due_at) SELECT id, lit_until FROM principal WHERE lit_until IS NOT NULL AND status = 'active'
  ON CONFLICT (principal_id) DO UPDATE SET due_at = min(due_at, excluded.due_at);
`;

export const standingMigration: Migration = { version: 22, name: 'standing', sql };
