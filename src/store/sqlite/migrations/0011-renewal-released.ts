// Renewals know that somebody had them go on although their campaign is paused or has stopped.
import type { Migration } from './migration.ts';

export const renewalReleasedMigration: Migration = {
  version: 11,
  name: 'renewal-released',
  sql: 'ALTER TABLE renewal ADD COLUMN released_at INTEGER;',
};
