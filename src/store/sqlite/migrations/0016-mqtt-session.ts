// Sessions that are kept, whether or not anything else is stored of them.
import type { Migration } from './migration.ts';

const sql = `
CREATE TABLE mqtt_session (
  client_id TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO mqtt_session (client_id) SELECT client_id FROM mqtt_subscription;
INSERT OR IGNORE INTO mqtt_session (client_id) SELECT client_id FROM mqtt_outgoing;
INSERT OR IGNORE INTO mqtt_session (client_id) SELECT client_id FROM mqtt_incoming;
`;

export const mqttSessionMigration: Migration = { version: 16, name: 'mqtt-session', sql };
