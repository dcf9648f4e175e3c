// Renewals that missed their deadline are counted by a trigger of its own, which runs only for them: what it costs to look is not paid at
// each step of every renewal.
import type { Migration } from './migration.ts';

const settled = (row: string): string =>
  `(${['activated', 'retired', 'cancelled'].map((state) => `${row}.state = '${state}'`).join(' OR ')})`;
const isLate = (row: 'old' | 'new'): string => `(${row}.lapsed_at IS NOT NULL AND ${settled(row)})`;

const count = (row: 'old' | 'new', by: '+' | '-'): string =>
  `UPDATE tally SET count = count ${by} 1 WHERE subject = 'renewal' AND state = ${row}.shown;`;
const countLate = (row: 'old' | 'new', by: '+' | '-'): string => `
  INSERT INTO tally (subject, state, count) SELECT 'late', 'late', ${by}1 WHERE ${isLate(row)}
  ON CONFLICT (subject, state) DO UPDATE SET count = count ${by} 1;`;

const sql = `
DROP TRIGGER renewal_added;
DROP TRIGGER renewal_moved;
DROP TRIGGER renewal_removed;
CREATE TRIGGER renewal_added AFTER INSERT ON renewal BEGIN
  ${count('new', '+')}
END;
CREATE TRIGGER renewal_moved AFTER UPDATE OF state, lapsed_at ON renewal WHEN old.shown <> new.shown BEGIN
  ${count('old', '-')}
  ${count('new', '+')}
END;
CREATE TRIGGER renewal_removed AFTER DELETE ON renewal BEGIN
  ${count('old', '-')}
END;
CREATE TRIGGER renewal_added_late AFTER INSERT ON renewal WHEN ${isLate('new')} BEGIN${countLate('new', '+')}
END;
CREATE TRIGGER renewal_late AFTER UPDATE OF state, lapsed_at ON renewal
  WHEN old.lapsed_at IS NOT NULL OR new.lapsed_at IS NOT NULL BEGIN${countLate('old', '-')}${countLate('new', '+')}
END;
CREATE TRIGGER renewal_removed_late AFTER DELETE ON renewal WHEN ${isLate('old')} BEGIN${countLate('old', '-')}
END;
`;

export const lateTallyMigration: Migration = { version: 32, name: 'late-tally', sql };
