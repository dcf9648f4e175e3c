// A database that an earlier nolapse has filled, brought to the present schema: nothing in it is lost or altered, and it can be worked with.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Alert } from '../../../src/domain/alert.ts';
import type { Fingerprint } from '../../../src/domain/certificate.ts';
import { openStore } from '../../../src/store/index.ts';
import { migrate } from '../../../src/store/sqlite/migrate.ts';
import { migrations } from '../../../src/store/sqlite/migrations/index.ts';
import { type Connection, openSqlite } from '../../../src/store/sqlite/sqlite.ts';
import { day, digest, idOf, now, serialOf } from '../store/rows.ts';

type Row = Readonly<Record<string, unknown>>;

let home: string;
let path: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'nolapse-migration-'));
  path = join(home, 'nolapse.db');
});
afterEach(() => rmSync(home, { recursive: true }));

const principal = { kind: 'device', status: 'active', owner: 'water', class: 'default', criticality: 'high' };
const capable = { encoding: 'cbor', modes: 'csr,recertify', packet_bytes_max: 512, slots: 1, cohort: 'early' };
const certificate = (name: string, facts: Row): Row => ({
  fingerprint: digest(name),
  serial: serialOf(name),
  not_before: now - 60 * day,
  not_after: now + 30 * day,
  key_fingerprint: digest(`key ${name}`),
  renewal_id: null,
  issued_at: now - 60 * day,
  activated_at: now - 59 * day,
  last_seen_at: now - day,
  renew_at: null,
  overlap_until: null,
  revoked_at: null,
  revocation_reason: null,
  der: Buffer.from(`DER of ${name}`),
  ...facts,
});
const renewal = (id: string, facts: Row): Row => ({
  id,
  mode: 'csr',
  old_fingerprint: digest('old'),
  new_fingerprint: null,
  created_at: now - day,
  deadline: now + 30 * day,
  closes_at: now + 60 * day,
  next_at: now + day,
  attempts: 2,
  requests: 1,
  request_key: digest('request'),
  lapsed_at: null,
  activated_at: null,
  confirmed_at: null,
  last_code: null,
  last_detail: null,
  updated_at: now,
  ended: 0,
  ...facts,
});
const alert: Alert = {
  kind: 'renewal_overdue',
  subject: 'pump-1',
  severity: 'warning',
  detail: 'its renewal r-requested is open',
  owner: 'water',
  raisedAt: now - day,
  updatedAt: now - day,
  seenAt: now,
  acknowledgedAt: now,
  acknowledgedBy: 'ana',
  clearedAt: null,
};
const effects = [
  { kind: 'issue', renewalId: 'r-requested' },
  { kind: 'prompt', renewalId: 'r-failed' },
  { kind: 'close-certificate', fingerprint: digest('revoked'), reason: 'revoked' },
  { kind: 'close-principal', principalId: 'pump-2', reason: 'decommissioned' },
  { kind: 'publish-crl' },
];

/** Rows as a broker of schema 4 left them, by table, in an order in which each finds what it refers to. */
const before: readonly (readonly [table: string, ...rows: readonly Row[]])[] = [
  [
    'principal',
    { id: 'pump-1', ...principal, site: 'north', gateway: 'gw-1', source: 'cmdb', ...capable },
    { id: 'pump-2', ...principal, owner: '', status: 'quarantined', modes: '' },
    { id: 'gw-1', ...principal, kind: 'gateway', modes: 'csr' },
  ],
  [
    'contact',
    {
      principal_id: 'pump-1',
      encoding: 'json',
      packet_bytes_max: 256,
      slots: 2,
      clock_skew_ms: -1_500,
      last_seen_at: now,
    },
  ],
  [
    'campaign',
    {
      id: 'c-1',
      reason: 'a new profile',
      drill: 0,
      state: 'paused',
      cohort: 'canary',
      issued_before: now,
      class: 'default',
      site: 'north',
      started_at: now - day,
      cohort_at: now - day,
      reached_at: null,
      detail: null,
      walked_to: 'pump-1',
      walked: 0,
      members: 2,
    },
  ],
  [
    'certificate',
    certificate('old', { principal_id: 'pump-1', state: 'active' }),
    certificate('next', { principal_id: 'pump-2', state: 'active', renew_at: now + day }),
    certificate('superseded', { principal_id: 'gw-1', state: 'superseded', overlap_until: now + day }),
    certificate('revoked', {
      principal_id: 'pump-2',
      state: 'revoked',
      revoked_at: now,
      revocation_reason: 'keyCompromise',
    }),
    certificate('ended', { principal_id: 'pump-2', state: 'expired', not_after: now - day }),
  ],
  [
    'renewal',
    renewal('r-requested', { principal_id: 'pump-1', state: 'requested', via: 'gw-1' }),
    renewal('r-failed', {
      principal_id: 'pump-2',
      state: 'failed',
      campaign: 'c-1',
      last_code: 'no_space',
      last_detail: 'full',
    }),
    renewal('r-lapsed', { principal_id: 'pump-2', state: 'lapsed', lapsed_at: now - day, ended: 1 }),
    renewal('r-retired', {
      principal_id: 'gw-1',
      state: 'retired',
      activated_at: now - day,
      confirmed_at: now,
      ended: 1,
    }),
  ],
  [
    'request',
    {
      renewal_id: 'r-requested',
      principal_id: 'pump-1',
      kind: 'device',
      uri: 'urn:nolapse:device:pump-1',
      serial: serialOf('request'),
      spki: Buffer.from('a key'),
      key_fingerprint: digest('request'),
      not_before: now,
      not_after: now + 90 * day,
      profile: 'device',
    },
  ],
  ['upload', { renewal_id: 'r-failed', total: 300, bytes: Buffer.from('half a request') }],
  ['envelope', { renewal_id: 'r-failed', der: Buffer.from('a sealed key') }],
  [
    'effect',
    ...effects.map((effect, i) => ({
      key: `k${i}`,
      kind: effect.kind,
      body: JSON.stringify(effect),
      due_at: now - 1,
      attempts: i,
    })),
  ],
  ['crl', { only: 1, number: 7, this_update: now - day, next_update: now + day, der: Buffer.from('a list') }],
  [
    'journal',
    ...[1, 2].map((i) => ({
      at: now - i,
      action: 'renewal.due',
      principal_id: 'pump-1',
      renewal_id: 'r-requested',
      detail: `line ${i}`,
    })),
  ],
  [
    'delegation',
    {
      id: 'd-1',
      gateway_id: 'gw-1',
      site: 'north',
      modes: 'csr',
      ends_at: now + day,
      daily_limit: 20,
      created_at: now,
      revoked_at: null,
    },
  ],
  ['delegation_device', { delegation_id: 'd-1', principal_id: 'pump-1' }],
  ['delegation_use', { delegation_id: 'd-1', day: 20_000, renewals: 3 }],
  ['presence', { principal_id: 'pump-1', gaps: Buffer.alloc(66, 1), came_at: now - day, left_at: null }],
  [
    'alert',
    {
      kind: alert.kind,
      subject: alert.subject,
      severity: alert.severity,
      detail: alert.detail,
      owner: alert.owner,
      raised_at: alert.raisedAt,
      updated_at: alert.updatedAt,
      seen_at: alert.seenAt,
      acknowledged_at: alert.acknowledgedAt,
      acknowledged_by: alert.acknowledgedBy,
      cleared_at: null,
    },
    {
      kind: 'lapsed',
      subject: 'pump-2',
      severity: 'critical',
      detail: 'it ended',
      owner: null,
      raised_at: now - day,
      updated_at: now,
      seen_at: now,
      cleared_at: now,
    },
  ],
  [
    'notification',
    { sink: 'webhooks.hook', event: 'acknowledged', alert: JSON.stringify(alert), due_at: now, attempts: 4 },
  ],
  ['watch', { principal_id: 'gw-1', due_at: now + day }],
  ['finding', { kind: 'no_owner', subject: 'pump-2', detail: 'it has no owner', first_at: now - day, last_at: now }],
  ['setting', { name: 'look-over', value: String(now) }],
  ['mqtt_subscription', { client_id: 'pump-1', filter: '$enroll/1/pump-1/+', qos: 1, options: '{}' }],
  ['mqtt_boot', { broker_id: 'b-1' }],
  [
    'mqtt_outgoing',
    {
      client_id: 'pump-1',
      boot: 1,
      counter: 5,
      message_id: 9,
      topic: 't',
      payload: Buffer.from('p'),
      qos: 1,
      bytes: 2,
    },
  ],
  ['mqtt_incoming', { client_id: 'pump-1', message_id: 7, topic: 't', payload: Buffer.from('p'), retain: 0 }],
  ['mqtt_retained', { topic: 'devices/pump-1/state', fields: '{}', payload: 'on' }],
];

function fill(sqlite: Connection): void {
  // Certificates and renewals refer to one another.
  sqlite.pragma('foreign_keys = OFF');
  for (const [table, ...rows] of before) {
    for (const row of rows) {
      const names = Object.keys(row);
      const places = names.map((name) => `@${name}`);
      sqlite.prepare(`INSERT OR REPLACE INTO ${table} (${names.join(', ')}) VALUES (${places.join(', ')})`).run(row);
    }
  }
}

function tablesOf(sqlite: Connection): Map<string, Row[]> {
  const names = sqlite
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .pluck()
    .all();
  return new Map((names as string[]).map((name) => [name, sqlite.prepare(`SELECT * FROM ${name}`).all() as Row[]]));
}

/** What a later step takes out of the schema, because nothing has ever read it. */
const dropped: Readonly<Record<string, readonly string[]>> = {
  campaign: ['members'],
  mqtt_incoming: ['topic', 'payload', 'retain'],
};

it.each(migrations.slice(3, -1).map(({ version, name }) => [version, name] as const))(
  'keeps every row of schema 4 that was brought to %d (%s) before',
  async (version) => {
    const sqlite = openSqlite(path);
    migrate(sqlite, migrations.slice(0, 4));
    fill(sqlite);
    const kept = tablesOf(sqlite);
    for (const [table] of before) expect(kept.get(table)?.length, table).toBeGreaterThan(0);
    migrate(sqlite, migrations.slice(0, version));
    sqlite.close();

    await openStore(path).store.close();
    const upgraded = openSqlite(path);
    expect(upgraded.pragma('user_version', { simple: true })).toBe(migrations.at(-1)?.version);
    expect(upgraded.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(upgraded.pragma('foreign_key_check')).toEqual([]);
    const present = tablesOf(upgraded);
    for (const [table, rows] of kept) {
      // Revocation lists are in another table since.
      if (table === 'crl') continue;
      const expected = rows
        .filter(({ kind }) => kind !== 'publish-crl')
        .map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => !dropped[table]?.includes(name))));
      expect(present.get(table), table).toMatchObject(expected);
      expect(present.get(table), table).toHaveLength(expected.length);
    }
    upgraded.close();
  },
);

it('goes on with what schema 4 left under way', async () => {
  const sqlite = openSqlite(path);
  migrate(sqlite, migrations.slice(0, 4));
  fill(sqlite);
  sqlite.close();
  const { store } = openStore(path);
  const { read } = store;
  expect(await read.delegation('d-1')).not.toHaveProperty('telemetry');
  const lines = await read.journal({ renewalId: 'r-requested' }, 10);
  expect(lines.map(({ actor }) => actor)).toEqual([null, null]);
  expect((await read.queuedEffects('issue', now, 10)).map(({ effect }) => effect)).toEqual([effects[0]]);
  const { due, watched } = await store.transact(async (tx) => ({
    due: await tx.dueEffects(now, 10),
    watched: await tx.dueWatches(now, 10),
  }));
  expect(due.map(({ effect }) => effect)).toEqual(effects.slice(1, -1));
  // That a list was owed is remembered by the list itself, whose number goes on.
  const [list] = await read.revocationListsToSign(now, day, 10);
  expect(list).toMatchObject({ shard: 0, number: 7, thisUpdate: now - day, bytes: 0, urgent: 1, listedUrgent: 0 });
  expect(watched).toEqual(['pump-1', 'pump-2']);
  expect(await read.openAlerts(null, 10)).toEqual([alert]);
  expect(await read.notifications('webhooks.hook', 10)).toMatchObject([{ event: 'acknowledged', alert, attempts: 4 }]);
  expect(await read.principal(idOf('pump-1'))).toMatchObject({
    cohort: 'early',
    source: 'cmdb',
    modes: ['csr', 'recertify'],
  });
  expect(await read.certificate(digest('old'))).toMatchObject({ state: 'active', principalId: 'pump-1', issuer: 1 });
  expect(await read.issuingSlots()).toEqual([]);
  const paused = await read.campaign('c-1');
  expect(paused).toMatchObject({
    state: 'paused',
    otherIssuer: false,
    reasonCode: null,
    forgiven: 0,
    leftOut: 0,
    task: null,
  });
  const { certificates, renewals, alerts, late } = await read.counts();
  expect(certificates).toMatchObject({ active: 2, superseded: 1, revoked: 1, expired: 1, issued: 0 });
  expect(renewals).toMatchObject({ requested: 1, failed: 1, lapsed: 1, retired: 1, due: 0 });
  expect(alerts).toMatchObject({ 'renewal_overdue/warning': 1 });
  expect(late).toBe(0);
  // What was begun before campaigns were counted goes on beside them, and is not counted.
  const failed = await read.renewal('r-failed');
  if (!failed) throw new Error('the renewal is gone');
  await store.transact((tx) => tx.putRenewal({ ...failed, state: 'offered', lastCode: null }));
  expect(await read.renewal('r-failed')).toMatchObject({ state: 'offered', campaign: 'c-1', cohort: null });
  await store.close();
});

it('has what a site gateway may have said of a device govern the way through it, and not the device itself', async () => {
  const sqlite = openSqlite(path);
  migrate(
    sqlite,
    migrations.slice(
      0,
      migrations.findIndex(({ name }) => name === 'carried'),
    ),
  );
  const put = (sql: string): void => void sqlite.exec(sql);
  const devices = [
    ['behind', 'north'],
    ['moved', 'south'],
    ['revoked', null],
  ] as const;
  put(
    `INSERT INTO principal (id, kind, status, owner, class, criticality) VALUES ('gw', 'gateway', 'active', '', '', 'low')`,
  );
  for (const [id, site] of devices) {
    sqlite
      .prepare(
        `INSERT INTO principal (id, kind, status, owner, class, criticality, site) VALUES (?, 'device', 'active', '', '', 'low', ?)`,
      )
      .run(id, site);
  }
  put(`INSERT INTO contact SELECT id, 'cbor', 128, 1, 5, 9 FROM principal`);
  const grant = `INSERT INTO delegation (id, gateway_id, site, modes, ends_at, daily_limit, created_at, revoked_at)`;
  put(`${grant} VALUES ('d-0', 'gw', NULL, 'csr', ${now + day}, 1, 1, 2)`);
  put(`INSERT INTO delegation_device VALUES ('d-0', 'revoked')`);
  const bySite = `${grant} VALUES ('d-1', 'gw', 'north', 'csr', ${now + day}, 1, 1, NULL)`;
  const said = { encoding: 'cbor', packetBytesMax: 128, slots: 1, clockSkewMs: 5, lastSeenAt: 9 };
  const unsaid = { encoding: null, packetBytesMax: null, slots: null, clockSkewMs: null, lastSeenAt: 9 };
  sqlite.close();
  copyFileSync(path, `${path}.named`);
  const named = openStore(`${path}.named`).store;
  expect(await named.read.contact(idOf('behind'))).toMatchObject(said);
  expect(await named.read.contact(idOf('revoked'))).toMatchObject(unsaid);
  expect(await named.read.carriedContacts(idOf('revoked'))).toEqual([]);
  await named.close();

  const again = openSqlite(path);
  again.exec(bySite);
  again.close();
  const { store } = openStore(path);
  for (const [id] of devices) expect(await store.read.contact(idOf(id))).toMatchObject(unsaid);
  expect(await store.read.contact(idOf('gw'))).toMatchObject(said);
  expect(await store.read.carriedContacts(idOf('behind'))).toMatchObject([{ ...said, gatewayId: 'gw' }]);
  expect(await store.read.carriedContacts(idOf('moved'))).toEqual([]);
  // Until it speaks itself.
  await store.transact((tx) => tx.putContact({ ...said, encoding: 'json', principalId: idOf('moved') }));
  expect(await store.read.contact(idOf('moved'))).toMatchObject({ ...said, encoding: 'json' });
  await store.close();
});

it('knows whose each key is that schema 29 holds, and which are shared', async () => {
  const sqlite = openSqlite(path);
  migrate(sqlite, migrations.slice(0, 4));
  fill(sqlite);
  migrate(sqlite, migrations.slice(0, 29));
  const insert = (table: string, row: Row): void => {
    const names = Object.keys(row);
    sqlite
      .prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map((name) => `@${name}`).join(', ')})`)
      .run(row);
  };
  const shared = { key_fingerprint: digest('shared') };
  insert('certificate', certificate('s1', { principal_id: 'pump-1', state: 'active', ...shared }));
  insert('certificate', certificate('s2', { principal_id: 'pump-2', state: 'active', ...shared }));
  insert('certificate', certificate('own', { principal_id: 'pump-2', state: 'active' }));
  const asked = sqlite.prepare('SELECT key_fingerprint AS key, principal_id AS id FROM request LIMIT 1').get() as Row;
  sqlite.close();
  const { store } = openStore(path);
  const { read } = store;
  expect(await read.keyRecord(digest('shared'))).toMatchObject({ holder: null, isShared: true });
  expect(await read.keyRecord(digest('key own'))).toMatchObject({ holder: 'pump-2', isShared: false });
  expect(await read.keyRecord(asked['key'] as Fingerprint)).toMatchObject({ holder: asked['id'] });
  expect(await read.keyRecord(digest('nobody'))).toMatchObject({ holder: null, isShared: false });
  await store.close();
});
