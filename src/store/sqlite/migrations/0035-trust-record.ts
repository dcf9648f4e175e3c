// How each principal is on its way to the next roots. What a connect and a list need of it stands beside the principal's record; how many of
// each class, owner and site have come how far is counted by triggers, so that nobody reads the fleet for it.
import type { Migration } from './migration.ts';

/** Did a connection show the certificate? Where a site gateway showed it first, only what was seen after that was one. */
const cameItself = (row: 'old' | 'new' | 'c'): string =>
  `(${row}.last_seen_at IS NOT NULL AND (${row}.activated_via IS NULL OR ${row}.last_seen_at > ifnull(${row}.activated_at, 0)))`;

const table = `
CREATE TABLE trust_record (
  principal_id TEXT NOT NULL PRIMARY KEY REFERENCES principal (id),
  offered_sequence INTEGER,
  offered_root INTEGER,
  offered_at INTEGER,
  stored_sequence INTEGER,
  stored_root INTEGER,
  stored_at INTEGER,
  stored_by TEXT,
  last_root INTEGER CHECK (last_root >= 1),
  last_at INTEGER,
  reopened_at INTEGER,
  visits INTEGER NOT NULL,
  control TEXT CHECK (control = 'passed' OR control = 'does_not_verify'),
  control_at INTEGER,
  CHECK ((offered_sequence IS NULL) = (offered_root IS NULL) AND (offered_sequence IS NULL) = (offered_at IS NULL)),
  CHECK ((stored_sequence IS NULL) = (stored_root IS NULL) AND (stored_sequence IS NULL) = (stored_at IS NULL)),
  CHECK ((last_root IS NULL) = (last_at IS NULL) AND (control IS NULL) = (control_at IS NULL))
) STRICT, WITHOUT ROWID;

-- The root under which it connected last; 0: it never connected itself.
ALTER TABLE principal ADD COLUMN last_root INTEGER NOT NULL DEFAULT 0;
-- The root that it is on its way to; 0: none. Does it say that it keeps it? Are its visits still counted?
ALTER TABLE principal ADD COLUMN next_root INTEGER NOT NULL DEFAULT 0;
ALTER TABLE principal ADD COLUMN next_stored INTEGER NOT NULL DEFAULT 0;
ALTER TABLE principal ADD COLUMN next_counted INTEGER NOT NULL DEFAULT 0;
UPDATE principal SET last_root = 1 WHERE EXISTS (
  SELECT 1 FROM certificate AS c LEFT JOIN renewal AS r ON r.id = c.renewal_id
  WHERE c.principal_id = principal.id AND ${cameItself('c')} AND (r.via IS NULL OR c.last_seen_at > c.activated_at)
);
CREATE INDEX principal_under ON principal (last_root, id) WHERE status = 'active' AND lit_until IS NOT NULL;

CREATE TRIGGER certificate_first_seen AFTER UPDATE OF last_seen_at, activated_at, activated_via ON certificate
  WHEN ${cameItself('new')} AND NOT ${cameItself('old')} BEGIN
  UPDATE principal SET last_root = 1 WHERE id = new.principal_id AND last_root = 0;
END;
CREATE TRIGGER certificate_added_seen AFTER INSERT ON certificate WHEN ${cameItself('new')} BEGIN
  UPDATE principal SET last_root = 1 WHERE id = new.principal_id AND last_root = 0;
END;

CREATE TABLE trust_tally (
  part TEXT NOT NULL CHECK (part = 'all' OR part = 'class' OR part = 'owner' OR part = 'site'),
  name TEXT NOT NULL,
  measure TEXT NOT NULL CHECK (measure = 'in_service' OR measure = 'offered' OR measure = 'stored' OR measure = 'last'),
  root INTEGER NOT NULL,
  gates INTEGER NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (part, name, measure, root, gates)
) STRICT, WITHOUT ROWID;
CREATE INDEX trust_tally_empty ON trust_tally (count) WHERE count = 0;
`;

type Row = 'old' | 'new' | 'principal';

/** Those of domain/trust-record.ts that may gate an activation, and those behind a site gateway. */
const inService = (row: Row): string => `${row}.status = 'active' AND ${row}.lit_until IS NOT NULL`;
const gates = (row: Row): string => `(${row}.last_root > 0 OR ${row}.gateway IS NULL)`;

interface Measure {
  readonly name: string;
  readonly measure: (row: Row) => string;
  readonly root: (row: Row) => string;
  readonly has: (row: Row) => string;
}

const measures: readonly Measure[] = [
  { name: 'service', measure: () => "'in_service'", root: () => '0', has: inService },
  {
    name: 'way',
    measure: (row) => `iif(${row}.next_stored = 1, 'stored', 'offered')`,
    root: (row) => `${row}.next_root`,
    has: (row) => `${row}.next_root > 0 AND ${inService(row)}`,
  },
  {
    name: 'last',
    measure: () => "'last'",
    root: (row) => `${row}.last_root`,
    // Whoever is not counted has the first, or never connected.
    has: (row) => `${row}.last_root > 1 AND ${inService(row)}`,
  },
];

const parts = (row: Row): readonly (readonly [string, string])[] => [
  ["'all'", "''"],
  ["'class'", `${row}.class`],
  ["'owner'", `${row}.owner`],
  ["'site'", `coalesce(${row}.site, '')`],
];

function count({ measure, root }: Measure, row: 'old' | 'new', by: 1 | -1): string {
  const rows = parts(row).map((part) => `(${[...part, measure(row), root(row), gates(row), `${by}`].join(', ')})`);
  return `
  INSERT INTO trust_tally (part, name, measure, root, gates, count) VALUES ${rows.join(', ')}
    ON CONFLICT (part, name, measure, root, gates) DO UPDATE SET count = count + excluded.count;`;
}

function triggers(each: Measure): string {
  const facts = (row: Row) => ['class', 'owner', 'site'].map((column) => `${row}.${column}`);
  const place = (row: Row): string =>
    `(${[`(${each.has(row)})`, each.measure(row), each.root(row), gates(row), ...facts(row)].join(', ')})`;
  const moved = `${place('old')} IS NOT ${place('new')}`;
  const columns = 'status, lit_until, class, owner, site, gateway, last_root, next_root, next_stored';
  return `
CREATE TRIGGER principal_${each.name}_added AFTER INSERT ON principal WHEN ${each.has('new')} BEGIN${count(each, 'new', 1)}
END;
CREATE TRIGGER principal_${each.name}_left AFTER UPDATE OF ${columns} ON principal
  WHEN ${each.has('old')} AND ${moved} BEGIN${count(each, 'old', -1)}
  DELETE FROM trust_tally WHERE count = 0;
END;
CREATE TRIGGER principal_${each.name}_joined AFTER UPDATE OF ${columns} ON principal
  WHEN ${each.has('new')} AND ${moved} BEGIN${count(each, 'new', 1)}
END;`;
}

const filled = parts('principal').map(
  ([part, name]) => `
INSERT INTO trust_tally (part, name, measure, root, gates, count)
  SELECT ${part}, ${name}, 'in_service', 0, ${gates('principal')}, count(*) FROM principal
  WHERE ${inService('principal')} GROUP BY 1, 2, 5;`,
);

const sql = [table, ...measures.map(triggers), ...filled].join('\n');

export const trustRecordMigration: Migration = { version: 35, name: 'trust-record', sql };
