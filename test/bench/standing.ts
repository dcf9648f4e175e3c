// How the fleet stands at its worst, and what it costs to know it: every device of a million dark, and a tenth as many that never had a
// certificate. And what keeping it costs a renewal: the same writes with its triggers and indexes, and without them.

import { doctor } from '../../src/app/operator/doctor.ts';
import { forecast } from '../../src/app/oversight/forecast.ts';
import { lookOverNow } from '../../src/app/upkeep/begin-chores.ts';
import type { LedgerEntry } from '../../src/domain/certificate.ts';
import type { Parts } from '../../src/home/home.ts';
import { inOneGo } from './fleet.ts';
import type { Work } from './history.ts';
import { certificateRow, idOf } from './rows.ts';

const scrapes = 20;
const renewals = 1_000;
const day = 86_400_000;

export function plantDarkness({ app, database }: Parts, devices: number): void {
  const { sqlite } = database;
  const now = app.clock.now();
  // Without the indexes, which are made again at the end: a join makes one for itself, a query for each row would not.
  inOneGo(sqlite, () => {
    sqlite.exec(`
      UPDATE certificate SET not_after = ${now} - id, renew_at = NULL WHERE state = 'active';
      UPDATE principal SET lit_until = c.not_after FROM certificate AS c WHERE c.principal_id = principal.id AND c.state = 'active';
      UPDATE watch SET due_at = ${now + day};
      INSERT INTO principal (id, kind, status, owner, class, criticality, site, modes)
      SELECT 'new-' || id, kind, status, owner, class, criticality, site, modes FROM principal LIMIT ${devices / 10};`);
  });
}

const count = (number: number): string => number.toLocaleString('en');

/** What the model keeps up to date with each write of a certificate: by name in the schema. */
const kept = [
  'certificate_lit',
  'certificate_lit_otherwise',
  'principal_lit_otherwise',
  'certificate_lights',
  'principal_lit',
];

/** Writes what a renewal does of a certificate: issued, seen in use, the one before it superseded. */
async function writeRenewals({ app }: Parts, from: number): Promise<string> {
  const now = app.clock.now();
  const rows: { readonly old: LedgerEntry; readonly next: LedgerEntry }[] = [];
  for (let i = from; i < from + renewals; i += 1) {
    const id = idOf(`device-${String(i * 97).padStart(7, '0')}`);
    const [old] = await app.store.read.certificatesOf(id, { limit: 1 });
    const der = Buffer.from(`${id}, renewed`);
    const next = {
      ...certificateRow(id, now, now + day, der),
      state: 'issued',
      activatedAt: null,
      lastSeenAt: null,
    } as const;
    if (old) rows.push({ old, next });
  }
  const began = performance.now();
  for (const { old, next } of rows) {
    await app.store.transact((tx) => tx.putCertificate(next));
    await app.store.transact(async (tx) => {
      await tx.putCertificate({ ...next, state: 'active', activatedAt: now });
      await tx.putCertificate({ ...old, state: 'superseded', overlapUntil: now + day, renewAt: null });
    });
  }
  return `${((performance.now() - began) / rows.length).toFixed(2)} ms each`;
}

export const standingWork = {
  'doctor, all dark':
    ({ app }) =>
    async () =>
      (await doctor(app, null, true)).find(({ subject }) => subject === 'dark')?.detail ?? '',
  'forecast, all dark':
    ({ app }) =>
    async () => {
      const { darkNow, without } = await forecast(app, { days: 90, limit: 100 });
      return `${count(darkNow)} dark, ${count(without)} without`;
    },
  'figures for /metrics, all dark':
    ({ app }) =>
    async () => {
      for (let scrape = 0; scrape < scrapes; scrape += 1) await app.foresight.view(1_000, { fresh: false });
      const { dark, without } = await app.foresight.view(1_000, { fresh: false });
      return `${count(dark.all)} dark, ${count(without.all)} without, ${scrapes} times`;
    },
  'a look, all dark':
    ({ app }) =>
    async () =>
      `${count(Object.values(await lookOverNow(app)).reduce((sum, each) => sum + each, 0))} findings`,
  'writes of renewals, as they are': (parts) => () => writeRenewals(parts, 0),
  // The last: what it drops does not come back.
  'writes of renewals, without what keeps who is dark': (parts) => {
    const { sqlite } = parts.database;
    const rows = sqlite
      .prepare<[], { type: string; name: string }>(
        "SELECT type, name FROM sqlite_schema WHERE type IN ('index', 'trigger')",
      )
      .all();
    for (const { type, name } of rows) if (kept.includes(name)) sqlite.exec(`DROP ${type} ${name}`);
    return () => writeRenewals(parts, renewals);
  },
} as const satisfies Record<string, Work>;

export type StandingWork = keyof typeof standingWork;
