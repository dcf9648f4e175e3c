// What watching over a fleet needs: how devices come and go, alerts and who is still to be told, campaigns, findings, and what
// the gateway itself has to remember.
import type { Migration } from './migration.ts';

const sql = `
ALTER TABLE principal ADD COLUMN cohort TEXT CHECK (cohort = 'canary' OR cohort = 'early' OR cohort = 'broad');
-- The source that brought it and may change it; null: entered by hand.
ALTER TABLE principal ADD COLUMN source TEXT;
CREATE INDEX principal_source ON principal (source, status) WHERE source IS NOT NULL;

ALTER TABLE renewal ADD COLUMN campaign TEXT REFERENCES campaign (id);
CREATE INDEX renewal_campaign ON renewal (campaign, state) WHERE campaign IS NOT NULL;

CREATE TABLE presence (
  principal_id TEXT NOT NULL PRIMARY KEY REFERENCES principal (id),
  gaps BLOB NOT NULL,
  came_at INTEGER NOT NULL,
  -- Null while it is connected, as far as is known.
  left_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE alert (
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  severity TEXT NOT NULL CHECK (severity = 'warning' OR severity = 'critical'),
  detail TEXT NOT NULL,
  owner TEXT,
  raised_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  acknowledged_at INTEGER,
  acknowledged_by TEXT,
  cleared_at INTEGER,
  PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_open ON alert (kind, seen_at) WHERE cleared_at IS NULL;
CREATE INDEX alert_cleared ON alert (cleared_at) WHERE cleared_at IS NOT NULL;

CREATE TABLE notification (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sink TEXT NOT NULL,
  event TEXT NOT NULL CHECK (event = 'raised' OR event = 'updated' OR event = 'acknowledged' OR event = 'cleared'),
  alert TEXT NOT NULL CHECK (json_valid(alert)),
  due_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL
) STRICT;
CREATE INDEX notification_due ON notification (sink, due_at);

CREATE TABLE campaign (
  id TEXT NOT NULL PRIMARY KEY,
  reason TEXT NOT NULL,
  -- A drill proves its replacements and retires nothing.
  drill INTEGER NOT NULL CHECK (drill = 0 OR drill = 1),
  state TEXT NOT NULL CHECK (state = 'running' OR state = 'paused' OR state = 'stopped' OR state = 'done' OR state = 'aborted'),
  cohort TEXT NOT NULL CHECK (cohort = 'canary' OR cohort = 'early' OR cohort = 'broad'),
  issued_before INTEGER NOT NULL,
  class TEXT,
  site TEXT,
  started_at INTEGER NOT NULL,
  cohort_at INTEGER NOT NULL,
  reached_at INTEGER,
  detail TEXT,
  -- How far the walk through the present cohort has come: the last id handled, and whether it was the last.
  walked_to TEXT NOT NULL,
  walked INTEGER NOT NULL CHECK (walked = 0 OR walked = 1),
  -- Certificates of the present cohort found so far that it replaces.
  members INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX campaign_state ON campaign (state);

CREATE TABLE finding (
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`;

export const oversightMigration: Migration = { version: 4, name: 'oversight', sql };
