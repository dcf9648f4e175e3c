// Campaigns know until when they held back what they had opened: nobody is overdue for a time in which it was not to be renewed.
import type { Migration } from './migration.ts';

export const campaignHeldMigration: Migration = {
  version: 9,
  name: 'campaign-held',
  sql: 'ALTER TABLE campaign ADD COLUMN held_until INTEGER;',
};
