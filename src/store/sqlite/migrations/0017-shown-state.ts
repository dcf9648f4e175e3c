// Renewals are counted and found by the state that people are shown: `lapsed` from the missed deadline on, not only once grace has ended.
// Those that missed their deadline and are settled now are counted apart, so that no count reads the renewals of all time.
import type { Migration } from './migration.ts';

const settled = (row: string): string =>
  `(${['activated', 'retired', 'cancelled'].map((state) => `${row}state = '${state}'`).join(' OR ')})`;
const isLate = (row: 'old' | 'new'): string => `${row}.lapsed_at IS NOT NULL AND ${settled(`${row}.`)}`;

const count = (row: 'old' | 'new', by: '+' | '-'): string => `
  UPDATE tally SET count = count ${by} 1 WHERE subject = 'renewal' AND state = ${row}.shown;
  INSERT INTO tally (subject, state, count) SELECT 'late', 'late', ${by}1 WHERE ${isLate(row)}
  ON CONFLICT (subject, state) DO UPDATE SET count = count ${by} 1;`;

const sql = `
ALTER TABLE renewal ADD COLUMN shown TEXT GENERATED ALWAYS AS (
  CASE WHEN lapsed_at IS NOT NULL AND NOT ${settled('')} THEN 'lapsed' ELSE state END
) VIRTUAL;
DROP INDEX renewal_state;
DROP INDEX renewal_lapsed;
CREATE INDEX renewal_shown ON renewal (shown);

DROP TRIGGER renewal_added;
DROP TRIGGER renewal_moved;
DROP TRIGGER renewal_removed;
CREATE TRIGGER renewal_added AFTER INSERT ON renewal BEGIN${count('new', '+')}
END;
CREATE TRIGGER renewal_moved AFTER UPDATE OF state, lapsed_at ON renewal
  WHEN old.state <> new.state OR (old.lapsed_at IS NULL) <> (new.lapsed_at IS NULL) BEGIN${count('old', '-')}${count('new', '+')}
END;
CREATE TRIGGER renewal_removed AFTER DELETE ON renewal BEGIN${count('old', '-')}
END;

UPDATE tally SET count = (SELECT count(*) FROM renewal WHERE shown = tally.state) WHERE subject = 'renewal';
INSERT INTO tally (subject, state, count)
  SELECT 'late', 'late', count(*) FROM renewal WHERE lapsed_at IS NOT NULL AND ${settled('')} HAVING count(*) > 0;
`;

export const shownStateMigration: Migration = { version: 17, name: 'shown-state', sql };
