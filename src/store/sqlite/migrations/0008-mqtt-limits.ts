// What bounds the MQTT state that one principal may have kept: who retained what, and how long a session has been away.
import type { Migration } from './migration.ts';

const sql = `
-- The principal that was the last to publish it; empty: not known, from before this step.
ALTER TABLE mqtt_retained ADD COLUMN publisher TEXT NOT NULL DEFAULT '';

CREATE TABLE mqtt_absence (
  client_id TEXT NOT NULL PRIMARY KEY,
  -- How long the session was away while the gateway ran, in milliseconds.
  away INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`;

export const mqttLimitsMigration: Migration = { version: 8, name: 'mqtt-limits', sql };
