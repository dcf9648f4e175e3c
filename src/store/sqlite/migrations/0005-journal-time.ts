// What was done in a period is read by its time: the cost follows the period, not the length of the journal. Time alone
// orders it, for the clock may have been set, and then the order of recording is another.
import type { Migration } from './migration.ts';

export const journalTimeMigration: Migration = {
  version: 5,
  name: 'journal-time',
  sql: 'CREATE INDEX journal_at ON journal (at);',
};
