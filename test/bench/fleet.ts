// A ledger of a whole fleet, made in one go: rows straight into the tables, indexes afterwards. What is in it is what a broker would
// have written for devices that come as those of the simulation do.

import type { LedgerEntry } from '../../src/domain/certificate.ts';
import { renewalTime } from '../../src/domain/policy.ts';
import { dueByGaps, type GapRecord, gapsOf, withVisit } from '../../src/domain/presence.ts';
import type { Parts } from '../../src/home/home.ts';
import { chance } from '../../src/simulator/lapses/random.ts';
import { cadences } from '../../src/simulator/lapses/world.ts';
import type { Connection } from '../../src/store/sqlite/sqlite.ts';
import { certificateRow, idOf } from './rows.ts';

const day = 86_400_000;
const seed = 1;
const devicesPerSite = 200;
const sitesPerOwner = 100;
/** Visits a record knows of. */
const visitsRecorded = 20;
const cacheKib = 1_048_576;

/** A cadence's record, and how long ago its device left: mostly within its cadence, one in a hundred times for ten of them. */
function visitsOf(index: number, now: number): { gaps: GapRecord; leftAt: number } {
  let at = chance(seed, index, 1);
  const cadence = cadences.find(({ share }) => {
    at -= share;
    return at < 0;
  });
  const everyMs = cadence?.everyMs ?? 0;
  if (everyMs === 0) return { gaps: new Uint8Array(), leftAt: now };
  let gaps: GapRecord = new Uint8Array();
  for (let i = 0; i < visitsRecorded; i += 1) {
    gaps = withVisit(gaps, everyMs * (0.6 + 0.8 * chance(seed, index, 100 + i)), 5_000);
  }
  const turns = chance(seed, index, 2) < 0.01 ? 10 : 1;
  return { gaps, leftAt: Math.floor(now - turns * everyMs * chance(seed, index, 3)) };
}

/** Runs `fill` without what keeps a ledger safe while it is in use, and makes the indexes when all rows are there. */
export function inOneGo(sqlite: Connection, fill: () => void): void {
  const pragma = (text: string): unknown => sqlite.pragma(text);
  const later = sqlite
    .prepare<[], { type: string; name: string; sql: string }>(
      "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('index', 'trigger') AND sql IS NOT NULL",
    )
    .all();
  pragma('journal_mode = OFF');
  pragma('synchronous = OFF');
  pragma(`cache_size = ${-cacheKib}`);
  for (const { type, name } of later) sqlite.exec(`DROP ${type} ${name}`);
  sqlite.exec('BEGIN');
  fill();
  sqlite.exec('COMMIT');
  for (const { sql } of later) sqlite.exec(sql);
}

/** Certificates that can be read, and differ in their serial numbers. */
function* copiesOf({ der, serial }: LedgerEntry): Generator<Uint8Array> {
  const digits = Buffer.from(serial, 'hex');
  const at = Buffer.from(der).indexOf(digits) + digits.length - 4;
  for (let i = 0; ; i += 1) {
    const copy = Buffer.from(der);
    copy.writeUInt32BE(i, at);
    yield copy;
  }
}

/**
 * Fills an empty ledger with devices whose certificates of 90 days were issued over the last 44 days, evenly: all are in use, and the
 * `due` that end first are due. Their certificates are copies of a real one.
 */
export function fillLedger({ app, database }: Parts, devices: number, due: number, real: LedgerEntry): void {
  const { sqlite } = database;
  const now = app.clock.now();
  const policy = app.policies.of({ class: 'default', criticality: 'medium' });
  const principal = sqlite.prepare(
    `INSERT INTO principal (id, kind, status, owner, class, criticality, site, modes, lit_until)
     VALUES (?, 'device', 'active', ?, 'default', 'medium', ?, '', ?)`,
  );
  const certificate = sqlite.prepare(
    `INSERT INTO certificate (fingerprint, serial, principal_id, state, not_before, not_after, key_fingerprint, issued_at,
       activated_at, last_seen_at, renew_at, der) VALUES (?, ?, ?, 'active', ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const presence = sqlite.prepare('INSERT INTO presence (principal_id, gaps, came_at, left_at) VALUES (?, ?, ?, ?)');
  const watch = sqlite.prepare('INSERT INTO watch (principal_id, due_at) VALUES (?, ?)');
  const copies = copiesOf(real);
  inOneGo(sqlite, () => {
    for (let i = 0; i < devices; i += 1) {
      const id = idOf(`device-${String(i).padStart(7, '0')}`);
      const site = Math.floor(i / devicesPerSite);
      const { gaps, leftAt } = visitsOf(i, now);
      const bornAt = Math.floor(now - 44 * day * (1 - i / devices));
      const row = certificateRow(id, bornAt, now + day, copies.next().value);
      const policyAt = renewalTime(row, id, 'broad', policy);
      const renewAt = i < due ? now - 1 : Math.max(now + day, dueByGaps(row, policyAt, gapsOf(gaps)));
      principal.run(id, `owner-${Math.floor(site / sitesPerOwner)}`, `site-${site}`, row.notAfter);
      certificate.run(
        ...[row.fingerprint, row.serial, id, row.notBefore, row.notAfter, row.keyFingerprint, bornAt],
        ...[bornAt, leftAt, renewAt, row.der],
      );
      presence.run(id, gaps, leftAt - 5_000, leftAt);
      // Looked at before, and next when it would go dark.
      watch.run(id, row.notAfter);
    }
    sqlite.exec(`UPDATE tally SET count = ${devices} WHERE subject = 'certificate' AND state = 'active'`);
  });
}
