// Of a QoS 2 message that waits for its PUBREL only the packet identifier is kept: nothing ever read the rest.
import type { Migration } from './migration.ts';

const sql = `
ALTER TABLE mqtt_incoming DROP COLUMN topic;
ALTER TABLE mqtt_incoming DROP COLUMN payload;
ALTER TABLE mqtt_incoming DROP COLUMN retain;
`;

export const mqttUnreleasedMigration: Migration = { version: 10, name: 'mqtt-unreleased', sql };
