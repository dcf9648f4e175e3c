// What a renewal was refused last, by who asked: the device itself, for which the gateway is empty, or a gateway that speaks for it.
import type { Migration } from './migration.ts';

export const refusalMigration: Migration = {
  version: 15,
  name: 'refusal',
  sql: `
CREATE TABLE refusal (
  renewal_id TEXT NOT NULL REFERENCES renewal (id),
  gateway_id TEXT NOT NULL,
  code TEXT NOT NULL,
  detail TEXT NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  times INTEGER NOT NULL,
  over_at INTEGER,
  PRIMARY KEY (renewal_id, gateway_id)
) STRICT, WITHOUT ROWID;
`,
};
