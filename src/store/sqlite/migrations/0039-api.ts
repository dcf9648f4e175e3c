// What opens the HTTP API, and what waits for a second operator.
import type { Migration } from './migration.ts';

const sql = `
CREATE TABLE api_credential (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind = 'token' OR kind = 'certificate'),
  name TEXT NOT NULL,
  person TEXT NOT NULL,
  digest TEXT NOT NULL UNIQUE,
  permission TEXT NOT NULL CHECK (permission = 'read' OR permission = 'operate' OR permission = 'admin'),
  owners TEXT CHECK (owners IS NULL OR json_valid(owners)),
  sites TEXT CHECK (sites IS NULL OR json_valid(sites)),
  parent TEXT,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  ends_at INTEGER NOT NULL,
  revoked_at INTEGER,
  last_used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_credential_named ON api_credential (kind, name);
CREATE INDEX api_credential_listed ON api_credential (kind, id);
CREATE INDEX api_credential_living ON api_credential (ends_at) WHERE revoked_at IS NULL;
CREATE INDEX api_credential_ended ON api_credential (ends_at);
CREATE INDEX api_credential_revoked ON api_credential (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE approval (
  id TEXT NOT NULL PRIMARY KEY,
  operation TEXT NOT NULL,
  input TEXT NOT NULL CHECK (json_valid(input)),
  summary TEXT NOT NULL,
  credential TEXT NOT NULL,
  person TEXT NOT NULL,
  asked_by TEXT NOT NULL,
  reason TEXT,
  asked_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX approval_ended ON approval (ends_at);
`;

export const apiMigration: Migration = { version: 39, name: 'api', sql };
