// What watching over a fleet needs: how devices come and go, whom to look at and when, alerts and who is still to be told,
// campaigns, findings, and what the broker itself has to remember.
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
CREATE INDEX alert_seen ON alert (kind, seen_at) WHERE cleared_at IS NULL;
CREATE INDEX alert_open ON alert (kind, subject) WHERE cleared_at IS NULL;
CREATE INDEX alert_cleared ON alert (cleared_at) WHERE cleared_at IS NOT NULL;

CREATE TABLE notification (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sink TEXT NOT NULL,
  event TEXT NOT NULL CHECK (event = 'raised' OR event = 'updated' OR event = 'acknowledged' OR event = 'cleared'),
  alert TEXT NOT NULL CHECK (json_valid(alert)),
  due_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL
) STRICT;
-- A sink is told in the order of what happened.
CREATE INDEX notification_order ON notification (sink, id);

-- Principals that must be looked at for alerts, and when: at 0 since something about them has changed.
CREATE TABLE watch (
  principal_id TEXT NOT NULL PRIMARY KEY,
  due_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX watch_due ON watch (due_at);

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

const lookAgain = `
  INSERT INTO watch (principal_id, due_at) VALUES (new.principal_id, 0) ON CONFLICT (principal_id) DO UPDATE SET due_at = 0;
END;`;

// Whatever changes a principal has it looked at again: nobody who changes one needs to think of it.
const watched = `
CREATE TRIGGER certificate_begun AFTER INSERT ON certificate WHEN new.state = 'active' BEGIN${lookAgain}
CREATE TRIGGER certificate_turned AFTER UPDATE OF state ON certificate
  WHEN (old.state = 'active') <> (new.state = 'active') BEGIN${lookAgain}
CREATE TRIGGER renewal_begun AFTER INSERT ON renewal BEGIN${lookAgain}
CREATE TRIGGER renewal_turned AFTER UPDATE OF state ON renewal
  WHEN old.state <> new.state
    AND (new.state = 'installed' OR old.state = 'installed' OR new.state = 'cancelled' OR new.state = 'lapsed') BEGIN${lookAgain}
CREATE TRIGGER principal_begun AFTER INSERT ON principal WHEN trim(new.owner) = '' BEGIN
${lookAgain.replace('new.principal_id', 'new.id')}
CREATE TRIGGER principal_turned AFTER UPDATE OF owner, status, class, criticality ON principal
  WHEN old.owner <> new.owner OR old.status <> new.status OR old.class <> new.class OR old.criticality <> new.criticality BEGIN
${lookAgain.replace('new.principal_id', 'new.id')}
INSERT INTO watch (principal_id, due_at)
  SELECT principal_id, 0 FROM certificate WHERE state = 'active' UNION SELECT principal_id, 0 FROM renewal WHERE ended = 0;
`;

/** Counted as the states of certificates are: a scrape must not read every alert. */
const countAlert = (row: 'old' | 'new', by: '+' | '-'): string => `
  INSERT INTO tally (subject, state, count) SELECT 'alert', ${row}.kind || '/' || ${row}.severity, ${by}1 WHERE ${row}.cleared_at IS NULL
  ON CONFLICT (subject, state) DO UPDATE SET count = count ${by} 1;`;
const counted = `
CREATE TRIGGER alert_added AFTER INSERT ON alert BEGIN${countAlert('new', '+')}
END;
CREATE TRIGGER alert_moved AFTER UPDATE OF severity, cleared_at ON alert
  WHEN old.severity <> new.severity OR (old.cleared_at IS NULL) <> (new.cleared_at IS NULL) BEGIN${countAlert('old', '-')}${countAlert('new', '+')}
END;
CREATE TRIGGER alert_removed AFTER DELETE ON alert BEGIN${countAlert('old', '-')}
END;
`;

export const oversightMigration: Migration = { version: 4, name: 'oversight', sql: sql + watched + counted };
