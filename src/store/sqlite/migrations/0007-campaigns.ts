// Campaigns know why and which certificates they replace, and what is still to be done after a resume or an abort. How many renewals of
// each cohort got how far is counted as they go: evidence must not read a fleet.
import type { Migration } from './migration.ts';

const columns = `
ALTER TABLE campaign DROP COLUMN members;
ALTER TABLE campaign ADD COLUMN reason_code TEXT;
ALTER TABLE campaign ADD COLUMN other_issuer INTEGER NOT NULL DEFAULT 0 CHECK (other_issuer = 0 OR other_issuer = 1);
ALTER TABLE campaign ADD COLUMN forgiven INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaign ADD COLUMN left_out INTEGER NOT NULL DEFAULT 0;
-- What is to be done with the renewals it has opened, and the last one done.
ALTER TABLE campaign ADD COLUMN task TEXT CHECK (task = 'release' OR task = 'call_off');
ALTER TABLE campaign ADD COLUMN task_at TEXT NOT NULL DEFAULT '';
CREATE INDEX campaign_task ON campaign (task) WHERE task IS NOT NULL;

ALTER TABLE renewal ADD COLUMN cohort TEXT CHECK (cohort = 'canary' OR cohort = 'early' OR cohort = 'broad');
DROP INDEX renewal_campaign;
CREATE INDEX renewal_campaign ON renewal (campaign, id) WHERE campaign IS NOT NULL AND ended = 0;

-- 'failed' are those whose device reported a failure that no activation has outweighed, whatever is tried now.
CREATE TABLE campaign_progress (
  campaign TEXT NOT NULL,
  cohort TEXT NOT NULL,
  state TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (campaign, cohort, state)
) STRICT, WITHOUT ROWID;
`;

const over = (row: 'old' | 'new'): string =>
  ['activated', 'retired', 'cancelled', 'lapsed'].map((state) => `${row}.state = '${state}'`).join(' OR ');
const standing = (row: 'old' | 'new'): string =>
  `CASE WHEN ${row}.last_code IS NULL OR ${over(row)} THEN ${row}.state ELSE 'failed' END`;
const count = (row: 'old' | 'new', by: '+' | '-'): string => `
  INSERT INTO campaign_progress (campaign, cohort, state, count)
    SELECT ${row}.campaign, ${row}.cohort, ${standing(row)}, ${by}1 WHERE ${row}.campaign IS NOT NULL AND ${row}.cohort IS NOT NULL
  ON CONFLICT (campaign, cohort, state) DO UPDATE SET count = count ${by} 1;`;

const counted = `
CREATE TRIGGER renewal_joined AFTER INSERT ON renewal WHEN new.campaign IS NOT NULL BEGIN${count('new', '+')}
END;
CREATE TRIGGER renewal_taken_over AFTER UPDATE OF campaign, cohort ON renewal
  WHEN old.campaign IS NOT new.campaign OR old.cohort IS NOT new.cohort BEGIN${count('old', '-')}${count('new', '+')}
END;
CREATE TRIGGER renewal_went_on AFTER UPDATE OF state, last_code ON renewal
  WHEN new.campaign IS NOT NULL AND old.campaign IS new.campaign AND old.cohort IS new.cohort
    AND (${standing('old')}) <> (${standing('new')}) BEGIN${count('old', '-')}${count('new', '+')}
END;
`;

export const campaignsMigration: Migration = { version: 7, name: 'campaigns', sql: columns + counted };
