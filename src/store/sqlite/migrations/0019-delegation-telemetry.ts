// Delegations that let their gateway carry the telemetry of the devices they name. Those from before do not.
import type { Migration } from './migration.ts';

const sql = `
ALTER TABLE delegation ADD COLUMN telemetry INTEGER NOT NULL DEFAULT 0;
`;

export const delegationTelemetryMigration: Migration = { version: 19, name: 'delegation-telemetry', sql };
