// Over any fleet, everything that an operator can look at says the same of who is dark, who will be and who never had a certificate: doctor,
// forecast, alerts, findings, the figures on the control socket and the metrics; and as many renewals are counted as lapsed as are found.
import { request } from 'node:http';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Check } from '../../src/app/views/broker.ts';
import type { FleetView } from '../../src/app/views/fleet.ts';
import type { ForecastView } from '../../src/app/views/forecast.ts';
import { certificateStates, type LedgerEntry } from '../../src/domain/certificate.ts';
import { type Principal, principalKinds, principalStatuses } from '../../src/domain/principal.ts';
import { litUntil, standingOf } from '../../src/domain/standing.ts';
import { openStore } from '../../src/store/index.ts';
import { certificate, day, principal } from '../contract/store/rows.ts';
import { Workplace } from './harness.ts';
import { end, type Running, startNolapse } from './nolapse-process.ts';

interface Member {
  readonly record: Principal;
  readonly entries: readonly LedgerEntry[];
}

const now = Date.now();
/** Half days, so that nothing ends while the test looks. */
const instant = fc.integer({ min: -40, max: 100 }).map((days) => now + (days + 0.5) * day);

const entry = fc.record({
  state: fc.constantFrom(...certificateStates),
  notAfter: instant,
  used: fc.boolean(),
  overlapUntil: instant,
  revokedAt: fc.integer({ min: 1, max: 40 }).map((days) => now - (days + 0.5) * day),
});
const member = fc.record({
  kind: fc.constantFrom(...principalKinds),
  status: fc.constantFrom(...principalStatuses, 'active', 'active'),
  owner: fc.constantFrom('water', 'ways "and" means', ''),
  site: fc.constantFrom('north', null),
  entries: fc.array(entry, { maxLength: 3 }),
});
const fleets = fc.array(member, { minLength: 30, maxLength: 30 });

/** What a ledger can hold: revoked means a time of it, only a superseded one has an overlap, and in use means that it was seen. */
function members(sample: readonly (typeof fleets extends fc.Arbitrary<infer M> ? M : never)[number][]): Member[] {
  return sample.map(({ kind, status, owner, site, entries }, i) => {
    const id = `m-${i}`;
    const rows = entries.map(({ state, used, notAfter, overlapUntil, revokedAt }, place) => {
      const wasUsed = used || state === 'active' || state === 'superseded';
      const isOver = state === 'revoked' || state === 'retired';
      return certificate(`${id}-${place}`, id, {
        state: state === 'expired' && notAfter > now ? 'active' : state,
        notBefore: now - 100 * day,
        notAfter,
        issuedAt: now - 100 * day + place,
        activatedAt: wasUsed || state === 'expired' ? now - 99 * day : null,
        lastSeenAt: wasUsed ? now - day : null,
        renewAt: state === 'active' ? notAfter - day : null,
        overlapUntil: state === 'superseded' ? overlapUntil : null,
        revokedAt: isOver ? revokedAt : null,
        revocationReason: isOver ? 'superseded' : null,
      });
    });
    return { record: principal(id, { kind, status, owner, site, gateway: null, source: null }), entries: rows };
  });
}

let place: Workplace;
let gateway: Running | null = null;
afterEach(async () => {
  if (gateway) await end(gateway);
  gateway = null;
  place.remove();
});

async function fill(fleet: readonly Member[]): Promise<void> {
  const { store } = openStore(join(place.home, 'nolapse.db'));
  for (const { record, entries } of fleet) {
    await store.transact(async (tx) => {
      await tx.putPrincipal(record);
      for (const each of entries) await tx.putCertificate(each);
    });
  }
  await store.close();
}

async function ask<T>(...args: readonly string[]): Promise<T> {
  const { stdout, stderr } = await place.run([...args, '--home', place.home, '-o', 'json']);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as T;
}

function overSocket(method: 'GET' | 'POST', path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socketPath = join(place.home, 'control.sock');
    const headers = method === 'POST' ? { 'content-type': 'application/json' } : {};
    const outgoing = request({ socketPath, path, method, headers, agent: false }, async (answer) => {
      const parts: Buffer[] = [];
      for await (const part of answer) parts.push(part as Buffer);
      resolve(Buffer.concat(parts).toString());
    });
    outgoing.on('error', reject);
    outgoing.end(method === 'POST' ? '{}' : undefined);
  });
}

const sample = (text: string, name: string): number =>
  Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length + 1),
  );
const sumOf = (text: string, name: string): number =>
  text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
const countIn = (findings: readonly Check[], subject: string): number =>
  Number(/^\d+/.exec(findings.find((each) => each.subject === subject)?.detail ?? '')?.[0] ?? 0);
const namesOf = (rows: readonly { readonly subject: string }[]): string[] => rows.map(({ subject }) => subject).sort();

/** Whom the rule of the domain calls dark, and who never had a certificate. */
function ruled(fleet: readonly Member[]) {
  const standing = (each: Member) => standingOf(each.record, litUntil(each.entries), Date.now());
  const idsOf = (those: readonly Member[]) => those.map(({ record }) => record.id as string).sort();
  const dark = fleet.filter((each) => standing(each) === 'dark');
  const without = fleet.filter((each) => standing(each) === 'without');
  return { dark: idsOf(dark), alerted: idsOf(dark.filter(({ record }) => record.status === 'active')), without };
}

async function compare(fleet: readonly Member[], isRunning: boolean): Promise<void> {
  const { dark, alerted, without } = ruled(fleet);
  const doctor = await ask<Check[]>('doctor');
  expect([countIn(doctor, 'dark'), countIn(doctor, 'without certificate')]).toEqual([dark.length, without.length]);
  expect(doctor.find(({ subject }) => subject === 'dark')?.level === 'critical').toBe(alerted.length > 0);
  const forecasts: ForecastView[] = [];
  for (const days of [7, 30, 90]) forecasts.push(await ask<ForecastView>('forecast', '--days', `${days}`));
  for (const each of forecasts) {
    const ids = each.devices.filter(({ at }) => at <= each.now).map(({ id }) => id);
    expect(ids.sort()).toEqual(dark);
    expect([each.darkNow, each.without]).toEqual([dark.length, without.length]);
  }
  const within = forecasts.map((each) => each.dark);
  expect(doctor.find(({ subject }) => subject === 'forecast')?.detail).toContain(
    `expected to go dark: ${within.map((all, i) => `${all - dark.length} within ${[7, 30, 90][i]} days`).join(', ')}`,
  );
  expect(namesOf(await ask('alert', 'list', '--open', '--kind', 'lapsed'))).toEqual(alerted);
  const severe = await ask<{ severity: string }[]>('alert', 'list', '--open');
  const worst = severe.some(({ severity }) => severity === 'critical') ? 'critical' : severe[0] ? 'warning' : 'ok';
  expect(doctor.find(({ subject }) => subject === 'alerts')?.level).toBe(worst);
  expect(namesOf(await ask('finding', 'list', '--fresh', '--kind', 'dark'))).toEqual(dark);
  const neverIssued = (
    await ask<{ subject: string; detail: string }[]>('finding', 'list', '--kind', 'never_seen')
  ).filter(({ detail }) => detail === 'no certificate was ever issued to it');
  expect(namesOf(neverIssued)).toEqual(without.map(({ record }) => record.id).sort());
  const lapsed = (await ask<unknown[]>('renewal', 'list', '--state', 'lapsed')).length;
  expect(countIn(doctor, 'lapses')).toBe(lapsed);
  if (isRunning) await compareFigures({ dark: dark.length, without: without.length, within, lapsed });
}

interface Expected {
  readonly dark: number;
  readonly without: number;
  readonly within: readonly number[];
  readonly lapsed: number;
}

async function compareFigures({ dark, without, within, lapsed }: Expected): Promise<void> {
  const fleet = JSON.parse(await overSocket('POST', '/v1/fleet')) as FleetView;
  expect([fleet.dark.all, fleet.without.all, ...Object.values(fleet.ahead?.darkWithin ?? {})]).toEqual([
    dark,
    without,
    ...within,
  ]);
  const open = await (await fetch(`http://localhost:${gateway?.httpPort}/metrics`)).text();
  const own = await overSocket('GET', '/metrics');
  for (const text of [open, own]) {
    expect(sample(text, 'nolapse_dark_now')).toBe(dark);
    expect(sample(text, 'nolapse_without_certificate')).toBe(without);
    const foreseen = [7, 30, 90].map((days) => sample(text, `nolapse_dark_within{days="${days}"}`));
    expect(foreseen).toEqual(within);
    expect(sample(text, 'nolapse_nearest_not_after_seconds')).toBe(Math.floor((fleet.nearestEndAt ?? 0) / 1_000));
    expect(sample(text, 'nolapse_renewals{state="lapsed"}')).toBe(lapsed);
    expect(sample(text, 'nolapse_lapsed')).toBe(lapsed);
  }
  expect(sumOf(own, 'nolapse_owner_dark_now')).toBe(dark);
  expect(sumOf(own, 'nolapse_owner_without_certificate')).toBe(without);
  expect(sumOf(own, 'nolapse_owner_dark_within')).toBe(within.reduce((sum, each) => sum + each, 0));
  expect(open).not.toMatch(/owner=|nolapse_owner/);
}

describe('all that an operator can look at', () => {
  it.each([11, 12, 13])('says the same of a fleet, at rest and while a broker runs: seed %d', async (seed) => {
    place = new Workplace();
    await place.ask('init');
    const [drawn = []] = fc.sample(fleets, { seed, numRuns: 1 });
    const fleet = members(drawn);
    await fill(fleet);
    await compare(fleet, false);
    gateway = await startNolapse(place);
    await compare(fleet, true);
  });
});
