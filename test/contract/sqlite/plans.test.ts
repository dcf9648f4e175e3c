// How SQLite means to answer each query of fixed shape: by an index, never by reading a table of the fleet.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../../src/store/sqlite/database.ts';
import { createStore } from '../../../src/store/sqlite/store.ts';
import { certificate, now, principal, renewal } from '../store/rows.ts';

const home = mkdtempSync(join(tmpdir(), 'nolapse-plans-'));
const prepared: string[] = [];
let database: Database;

/** The plan's steps, each as SQLite words it. */
function plan(sql: string): string[] {
  const values = [...sql.matchAll(/\?/g)].map(() => 1);
  return database.sqlite
    .prepare<number[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
    .all(...values)
    .map(({ detail }) => detail);
}

const statement = (pattern: RegExp): string => {
  const found = prepared.filter((sql) => sql.startsWith('select') && pattern.test(sql));
  expect(found).toHaveLength(1);
  return found[0] ?? '';
};

beforeAll(async () => {
  database = openDatabase(join(home, 'nolapse.db'));
  const prepare = database.sqlite.prepare.bind(database.sqlite);
  database.sqlite.prepare = ((sql: string) => {
    prepared.push(sql);
    return prepare(sql);
  }) as typeof prepare;
  const store = createStore(database);
  database.sqlite.prepare = prepare;
  await store.transact(async (tx) => {
    await tx.putPrincipal(principal('a'));
    for (let i = 0; i < 500; i += 1) {
      await tx.putCertificate(certificate(`${i}`, 'a', { renewAt: i < 5 ? now - 1 : now + i }));
      await tx.putRenewal(renewal(`r${i}`, 'a', { nextAt: i < 5 ? now - 1 : null }));
      await tx.enqueue({ kind: 'prompt', renewalId: `r${i}` });
      if (i > 0) await tx.openRevocationList({ shard: i, issuer: 1, url: `http://gateway/crl/issuing/${i}.crl` });
      const life = { thisUpdate: now - i, nextUpdate: now + i, scheduledAt: now - i };
      await tx.putSignedList({ shard: i, number: 1, ...life, entries: 0, bytes: 1, listedRevoked: 0, listedUrgent: 0 });
    }
  });
});
afterAll(async () => {
  await database.close();
  rmSync(home, { recursive: true });
});

describe('the plans of the queries of fixed shape', () => {
  it('scan no table, before and after the planner has statistics', () => {
    const bounded = /SCAN tally/;
    // At the first start of a home from before there could be several issuing CAs.
    const once = /^update .*(instr\(der|max\(not_after\) FROM certificate WHERE issuer)/;
    for (const statistics of [false, true]) {
      if (statistics) database.sqlite.exec('ANALYZE');
      // Inserts are left out: their plans list a reading of child rows that only runs while a deferred reference dangles.
      for (const sql of prepared.filter((text) => !text.startsWith('insert') && !once.test(text))) {
        const scans = plan(sql).filter(
          (step) => step.includes('SCAN') && step !== 'SCAN CONSTANT ROW' && !bounded.test(step),
        );
        expect(scans, sql).toEqual([]);
      }
    }
  });

  it('are made once: no limit is a parameter that stands alone, whose value SQLite would plan for', () => {
    const folder = new URL('../../../src/store/', import.meta.url);
    const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && name !== 'sqlite/compiler.ts')
      .map((name) => readFileSync(new URL(name, folder), 'utf8'));
    const limits = [
      ...prepared.flatMap((text) => text.match(/limit \?.{0,4}/gi) ?? []),
      ...sources.flatMap((text) => text.match(/LIMIT \?.{0,4}/g) ?? []),
    ];
    expect(limits.length).toBeGreaterThan(30);
    expect(limits.filter((limit) => !/^limit \? \+ 0/i.test(limit))).toEqual([]);
  });

  it.each([
    ['due certificates', /"renew_at" <=/, /COVERING INDEX certificate_due \(renew_at<\?\)/],
    ['due renewals', /"next_at" <=/, /INDEX renewal_next \(next_at<\?\)/],
    ['certificates by how they begin', /"fingerprint" >= \? and/, /MULTI-INDEX OR/],
    ['ended certificates', /where "ends_at" <=/, /INDEX certificate_ended \(ends_at<\?\)/],
    ['certificates by their end', /"c"."ends_at" <=/, /INDEX certificate_ended \(ends_at>\? AND ends_at<\?\)/],
    ['certificates of one end', /"c"."ends_at" = \?/, /INDEX certificate_ended \(ends_at=\? AND rowid>\?\)/],
    ['the renewal of each of them', /"c"."ends_at" <=/, /INDEX renewal_replaces \(old_fingerprint=\?\)/],
    ['who ends next', /"p"."lit_until" <= \?/, /INDEX principal_lit \(\(?lit_until/],
    [
      'who is dark',
      /"lit_until" <= \? order by "lit_until", "id" limit 1 offset/,
      /COVERING INDEX principal_lit \(\(lit_until,id\)>\(\?,\?\) AND lit_until<\?\)/,
    ],
    [
      'a page of them',
      /\(lit_until, id\) <= /,
      /COVERING INDEX principal_lit \(\(lit_until,id\)>\(\?,\?\) AND \(lit_until,id\)<\(\?,\?\)\)/,
    ],
    [
      'who never had one',
      /coalesce.*"lit_until" is null/,
      /COVERING INDEX principal_lit \(lit_until=\? AND id>\? AND id<\?\)/,
    ],
    ['who differs by case alone', /collate nocase and "one"/, /COVERING INDEX principal_case \(id=\? AND id>\?\)/],
    ['the next end', /min\("lit_until"\)/, /COVERING INDEX principal_lit \(lit_until>\?\)/],
    ['due effects', /where "id" in \(select "id" from "effect"/, /COVERING INDEX effect_due \(due_at<\?\)/],
    ['effects that wait their turn', /"rank" is not null/, /INDEX effect_queue \(kind=\? AND rank>\?\)/],
    [
      'revoked certificates',
      /"revoked_at" is not null and "issuer"/,
      /COVERING INDEX certificate_revoked \(issuer=\? AND \(not_after,serial\)>\(\?,\?\)\)/,
    ],
    [
      'revoked certificates of a shard',
      /"revoked_at" is not null and "crl_shard"/,
      /COVERING INDEX certificate_shard \(crl_shard=\? AND \(not_after,serial\)>\(\?,\?\)\)/,
    ],
    ['lists that lack something urgent', /where "urgent" >/, /INDEX revocation_list_urgent/],
    ['lists that have waited', /where "revoked" >/, /INDEX revocation_list_routine \(this_update<\?\)/],
    ['lists at half their time', /where "half_time" <=/, /INDEX revocation_list_half_time \(half_time<\?\)/],
    ['lists of the future', /from "revocation_list" where "this_update" >/, /INDEX revocation_list_begins/],
    [
      'the current renewal',
      /"ended" = 0 and "principal_id" = \?.* limit 1$/,
      /INDEX renewal_principal \(principal_id=\? AND ended=\?\)/,
    ],
    ['the open renewal of a certificate', /"old_fingerprint" = \?/, /INDEX renewal_replaces \(old_fingerprint=\?\)/],
    [
      'the delegations of a device',
      /from "delegation_device" as "n"/,
      /INDEX delegation_device_principal \(principal_id=\? AND stands_until>\?\)/,
    ],
    [
      'the delegations of its site',
      /from "delegation" where "site" = \?.*order by/,
      /INDEX delegation_site \(site=\?\)/,
    ],
    [
      'one too many of a site',
      /from "delegation" where "site" = \?.*offset/,
      /INDEX delegation_site \(site=\? AND ends_at>\?\)/,
    ],
    [
      'one too many of a device',
      /from "delegation_device" as "o"/,
      /SEARCH o USING .*INDEX delegation_device_principal \(principal_id=\? AND stands_until>\?\)/,
    ],
    [
      'the delegations in force of a gateway',
      /"gateway_id" = \? and "revoked_at" is null/,
      /INDEX delegation_standing \(gateway_id=\? AND ends_at>\?\)/,
    ],
    [
      'the certificates of a principal',
      /"principal_id" = \? and \("issued_at", "id"\) < \(\?, \?\) order/,
      /INDEX certificate_principal \(principal_id=\? AND issued_at<\?\)/,
    ],
    [
      'those of them that may still matter',
      /"principal_id" = \? and \("issued_at", "id"\) < \(\?, \?\) and/,
      /INDEX certificate_held \(principal_id=\? AND issued_at<\?\)/,
    ],
    ['those in use', /"c"."principal_id" = \?/, /INDEX certificate_held \(principal_id=\?\)/],
    [
      'those of a stretch of the inventory',
      /"c"."principal_id" >= \?/,
      /INDEX certificate_held \(principal_id>\? AND principal_id<\?\)/,
    ],
    [
      'whether one was seen',
      /^select "id" from "certificate" where "principal_id" = \? and \(activated_at IS NULL\) = 0/,
      /INDEX certificate_lights \(principal_id=\? AND <expr>=\?\)/,
    ],
    [
      'who holds a key',
      /"principal_id" > \? order by/,
      /COVERING INDEX certificate_holder \(key_fingerprint=\? AND principal_id>\?\)/,
    ],
    [
      'what speaks against a key',
      /"revocation_reason" <> 'superseded' limit/,
      /INDEX certificate_tainted \(key_fingerprint=\?/,
    ],
    [
      'whether it is compromised',
      /"revocation_reason" = 'keyCompromise'/,
      /INDEX certificate_tainted \(key_fingerprint=\? AND revocation_reason=\?\)/,
    ],
    ['who is to be looked at', /from "watch" where/, /COVERING INDEX watch_due \(due_at<\?\)/],
    [
      'open alerts',
      /"cleared_at" is null and .*> \(\?, \?\) order by/,
      /INDEX alert_open \(\(kind,subject\)>\(\?,\?\)\)/,
    ],
    ['quiet alerts', /"seen_at" <=/, /INDEX alert_seen \(kind=\? AND seen_at<\?\)/],
    ['what a sink is to be told', /from "notification" .* order by "id"/, /INDEX notification_order \(sink=\?\)/],
    ['the rest of a moment of the journal', /from "journal" where "at" = /, /INDEX journal_at \(at=\? AND rowid>\?\)/],
    ['what was recorded later', /from "journal" where "at" > /, /INDEX journal_at \(at>\? AND at<\?\)/],
    ['what was decided of late', /from "journal" where action IN/, /INDEX journal_noted \(at>\?\)/],
    ['the beginning of the journal', /select "at" from "journal"/, /PRIMARY KEY \(rowid>\?\)/],
    ['all alerts', /from "alert" where \("kind", "subject"\) >/, /PRIMARY KEY \(\(kind,subject\)>\(\?,\?\)\)/],
    ['renewals as they were opened', /from "renewal" where "row" >/, /PRIMARY KEY \(rowid>\?\)/],
    ['delegations in pages', /from "delegation" where "id" >/, /PRIMARY KEY \(id>\?\)/],
    ['the delegations of a gateway', /"gateway_id" = \? order by "id"/, /INDEX delegation_gateway \(gateway_id=\?\)/],
  ])('find %s by their index', (_, query, index) => {
    expect(plan(statement(query)).some((step) => index.test(step))).toBe(true);
  });

  it('enter a principal with two searches of its id', () => {
    const [put = ''] = prepared.filter((sql) => sql.startsWith('insert into "principal"'));
    const steps = plan(put).filter((step) => step.startsWith('SEARCH principal '));
    expect(steps).toEqual([
      expect.stringMatching(/SEARCH principal USING .*\(id=\?\)/),
      expect.stringMatching(/SEARCH principal USING .*INDEX principal_case \(id=\?\)/),
    ]);
  });

  it.each([
    ['all alerts', '', /INDEX alert_raised$/],
    ['open alerts', 'WHERE cleared_at IS NULL', /INDEX alert_open_raised$/],
    ['alerts of a kind', 'WHERE kind = ?', /INDEX alert_kind_raised \(kind=\?\)$/],
  ])('find the newest of %s without reading the others', (_, where, index) => {
    const steps = plan(`SELECT * FROM alert ${where} ORDER BY raised_at DESC LIMIT ?`);
    expect(steps).toEqual([expect.stringMatching(index)]);
  });

  it('sort nothing, or only what an index has found due', () => {
    const sorting = prepared.filter((sql) => plan(sql).some((step) => step.includes('TEMP B-TREE')));
    for (const sql of sorting) expect(sql).toMatch(/"renew_at" <=|"due_at" <=/);
  });

  it('stay within the temporary tables they are allowed when they write', () => {
    const schema = database.sqlite.prepare<[], { sql: string }>("SELECT sql FROM sqlite_schema WHERE sql <> ''").all();
    // A list of more than two makes SQLite build a table for each row written.
    for (const { sql } of schema) expect(sql).not.toMatch(/\bIN \('/);
  });
});
