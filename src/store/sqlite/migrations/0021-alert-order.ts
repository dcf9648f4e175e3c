// Lists the newest alerts without reading those of all time.
import type { Migration } from './migration.ts';

const sql = `
CREATE INDEX alert_raised ON alert (raised_at);
CREATE INDEX alert_open_raised ON alert (raised_at) WHERE cleared_at IS NULL;
CREATE INDEX alert_kind_raised ON alert (kind, raised_at);
`;

export const alertOrderMigration: Migration = { version: 21, name: 'alert-order', sql };
