// Messages for many sessions are written in several units of work: how far each got.
import type { Migration } from './migration.ts';

const sql = `
CREATE TABLE mqtt_spread (
  boot INTEGER NOT NULL REFERENCES mqtt_boot (boot),
  counter INTEGER NOT NULL,
  publisher TEXT NOT NULL,
  topic TEXT NOT NULL,
  payload ANY,
  qos INTEGER NOT NULL CHECK (qos IN (0, 1, 2)),
  -- It is in the queues of all sessions up to this name.
  after_client TEXT NOT NULL,
  PRIMARY KEY (boot, counter)
) STRICT, WITHOUT ROWID;
`;

export const mqttSpreadMigration: Migration = { version: 25, name: 'mqtt-spread', sql };
