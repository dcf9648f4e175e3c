// What was decided of late is read by its time, apart from the lines of each device's life: an index over few lines.
import type { Migration } from './migration.ts';

export const journalNotedMigration: Migration = {
  version: 37,
  name: 'journal-noted',
  sql: `
CREATE INDEX journal_noted ON journal (at) WHERE action IN (
  'policy.reloaded', 'policy.refused',
  'campaign.started', 'campaign.stopped', 'campaign.paused', 'campaign.resumed', 'campaign.aborted',
  'campaign.finished', 'campaign.overridden',
  'source.reconciled', 'source.failed',
  'device.imported', 'device.decommissioned', 'device.quarantined', 'device.released',
  'delegation.added', 'delegation.revoked',
  'decision.forced',
  'trust.prepared', 'trust.activated', 'trust.aborted', 'trust.retired'
);`,
};
