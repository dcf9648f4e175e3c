// What MQTT sessions leave behind: subscriptions, queues, half-received QoS 2 messages, retained messages and wills.
// Payloads are ANY because aedes hands over strings as well as bytes, and expects back what it gave.
import type { Migration } from './migration.ts';

const sql = `
CREATE TABLE mqtt_subscription (
  client_id TEXT NOT NULL,
  filter TEXT NOT NULL,
  qos INTEGER NOT NULL CHECK (qos IN (0, 1, 2)),
  options TEXT NOT NULL CHECK (json_valid(options)),
  PRIMARY KEY (client_id, filter)
) STRICT, WITHOUT ROWID;

-- One row a start of the broker. Its number and the broker's counter order a queue across starts.
CREATE TABLE mqtt_boot (
  boot INTEGER PRIMARY KEY AUTOINCREMENT,
  broker_id TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE mqtt_outgoing (
  client_id TEXT NOT NULL,
  boot INTEGER NOT NULL REFERENCES mqtt_boot (boot),
  counter INTEGER NOT NULL,
  -- The packet identifier under which it was sent; null until then.
  message_id INTEGER,
  -- 1 once a QoS 2 message is with the client, and only its PUBREL is owed.
  released INTEGER NOT NULL DEFAULT 0 CHECK (released IN (0, 1)),
  topic TEXT NOT NULL,
  payload ANY,
  qos INTEGER NOT NULL CHECK (qos IN (0, 1, 2)),
  bytes INTEGER NOT NULL,
  PRIMARY KEY (client_id, boot, counter)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX mqtt_outgoing_sent ON mqtt_outgoing (client_id, message_id) WHERE message_id IS NOT NULL;

CREATE TABLE mqtt_incoming (
  client_id TEXT NOT NULL,
  message_id INTEGER NOT NULL,
  topic TEXT NOT NULL,
  payload ANY,
  retain INTEGER NOT NULL CHECK (retain IN (0, 1)),
  PRIMARY KEY (client_id, message_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE mqtt_retained (
  topic TEXT NOT NULL PRIMARY KEY,
  fields TEXT NOT NULL CHECK (json_valid(fields)),
  payload ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE mqtt_will (
  client_id TEXT NOT NULL PRIMARY KEY,
  broker_id TEXT NOT NULL,
  topic TEXT NOT NULL,
  payload ANY,
  qos INTEGER NOT NULL CHECK (qos IN (0, 1, 2)),
  retain INTEGER NOT NULL CHECK (retain IN (0, 1))
) STRICT, WITHOUT ROWID;
`;

export const mqttMigration: Migration = { version: 2, name: 'mqtt', sql };
