// Renewals know whether their device was heard under the replacement, and whether it was given another because it could not use it.
import type { Migration } from './migration.ts';

export const renewalHeardMigration: Migration = {
  version: 13,
  name: 'renewal-heard',
  // What was confirmed before was told to somebody who listened under the replacement.
  sql: `
ALTER TABLE renewal ADD COLUMN heard_at INTEGER;
ALTER TABLE renewal ADD COLUMN reopened_at INTEGER;
UPDATE renewal SET heard_at = confirmed_at WHERE state = 'activated' AND confirmed_at IS NOT NULL;
`,
};
