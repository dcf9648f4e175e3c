// Address blocks from which known certificates came, so that a fleet that comes back after a restart is told from strangers.
import type { Migration } from './migration.ts';

export const knownBlockMigration: Migration = {
  version: 27,
  name: 'known-block',
  sql: `
CREATE TABLE known_block (
  block TEXT PRIMARY KEY,
  seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX known_block_seen ON known_block (seen_at);
`,
};
