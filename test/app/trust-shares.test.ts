// Any fleet on its way to a next root: what the status, the metrics, the alerts and the walk say of it is one thing, and what the records say.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { foreseeProofs, type ProofAhead } from '../../src/app/trust/foresee-proofs.ts';
import { sharesView } from '../../src/app/trust/shares.ts';
import { listUnproved } from '../../src/app/trust/unproved-list.ts';
import { UnprovedWatch } from '../../src/app/trust/unproved-watch.ts';
import { type GapRecord, withVisit } from '../../src/domain/presence.ts';
import { type Principal, principalKinds, principalStatuses } from '../../src/domain/principal.ts';
import {
  afterConnect,
  afterOffer,
  afterStored,
  confirmationTowards,
  gates,
  noRecord,
  type TrustRecord,
} from '../../src/domain/trust-record.ts';
import type { KeptRoot } from '../../src/ports/root-slots.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { renderMetrics } from '../../src/wiring/render-metrics.ts';
import { certificate, day, digest, idOf, principal } from '../contract/store/rows.ts';
import { type Assembled, assembled } from './assembled.ts';

let home: Assembled;
let ends: number;
let now: number;
let steady = 0;

beforeEach(async () => {
  now = Date.now();
  home = await assembled({ clock: { now: () => now, steady: () => steady } });
  const [first] = await home.app.store.read.rootSlots();
  if (!first) throw new Error('no root');
  ends = first.notAfter;
  now = ends - 300 * day;
  await distribute(first);
});
afterEach(() => home.close());

const nextOf = (first: KeptRoot): KeptRoot => ({
  ...first,
  number: 2,
  state: 'next',
  fingerprint: digest('root 2'),
  notAfter: ends + 7_300 * day,
  preparedAt: now - 800 * day,
  distributedAt: now - 700 * day,
  activatedAt: null,
  port: 8_884,
  sequence: 2_000,
});

async function distribute(first: KeptRoot): Promise<void> {
  await home.app.store.transact((tx) => tx.putRootSlot(nextOf(first), new Uint8Array([1])));
}

interface Step {
  readonly id: string;
  readonly kind: Principal['kind'];
  readonly status: Principal['status'];
  readonly owner: string;
  readonly class: string;
  readonly site: string | null;
  readonly gateway: string | null;
  readonly hasCertificate: boolean;
  readonly says: 'nothing' | 'offered' | 'stored' | 'stored by its gateway';
  readonly connects: 'no' | 'old' | 'next';
  /** Days between its visits. */
  readonly everyDays: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  id: fc.integer({ min: 1, max: 40 }).map((number) => `p${number}`),
  kind: fc.constantFrom(...principalKinds),
  status: fc.constantFrom('active', 'active', 'active', ...principalStatuses),
  owner: fc.constantFrom('', ' ', 'anna', 'carla'),
  class: fc.constantFrom('default', 'meter'),
  site: fc.constantFrom(null, 'north'),
  gateway: fc.constantFrom(null, 'gw'),
  hasCertificate: fc.boolean(),
  says: fc.constantFrom('nothing', 'offered', 'stored', 'stored by its gateway'),
  // Whoever has connected once gates for ever: few are to, so that there is somebody of each sort.
  connects: fc.constantFrom('no', 'no', 'no', 'old', 'next'),
  everyDays: fc.constantFrom(1, 30, 400),
});

/** What is true of each, kept beside the ledger. */
interface Truth {
  readonly principal: Principal;
  readonly record: TrustRecord;
  readonly hasCertificate: boolean;
  readonly hasConnected: boolean;
}
let truth = new Map<string, Truth>();
beforeEach(() => {
  truth = new Map();
});

const told = { sequence: 2_000, root: 2 };

async function play(each: Step): Promise<void> {
  const id = idOf(each.id);
  const { kind, status, owner, class: named, site } = each;
  const before = truth.get(each.id);
  const one = principal(each.id, {
    ...{ kind, status, owner, site, class: named, source: null },
    gateway: each.gateway === null ? null : idOf(each.gateway),
  });
  const hasCertificate = before?.hasCertificate || each.hasCertificate;
  const entry = certificate(`of ${each.id}`, each.id, { lastSeenAt: null, notAfter: ends });
  const comes = hasCertificate && each.connects !== 'no';
  let record = before?.record ?? noRecord(id);
  if (each.says !== 'nothing') record = afterOffer(record, told, now - 100 * day);
  if (each.says.startsWith('stored')) {
    const by = each.says === 'stored' ? null : idOf('gw');
    const answer = afterStored(record, told.sequence, by, now - 90 * day);
    if (answer.outcome === 'taken') record = answer.record;
  }
  if (comes) {
    const root = each.connects === 'next' ? 2 : 1;
    record = afterConnect(record, { principalId: id, root, introduced: false }, now - day);
  }
  let gaps: GapRecord = new Uint8Array();
  for (let visit = 0; visit < 8; visit += 1) gaps = withVisit(gaps, each.everyDays * day, 0);
  await home.app.store.transact(async (tx) => {
    await tx.putPrincipal(one);
    if (each.hasCertificate && !before?.hasCertificate) await tx.putCertificate(entry);
    if (comes) {
      await tx.noteSeen(entry.fingerprint, id, now - day);
      await tx.putPresence({ principalId: id, gaps, cameAt: now - day, leftAt: now - day + 1 });
    }
    await tx.putTrustRecord(record);
  });
  truth.set(each.id, { principal: one, record, hasCertificate, hasConnected: before?.hasConnected || comes });
}

const gatesOf = ({ principal: { status, gateway }, hasCertificate, hasConnected }: Truth): boolean =>
  gates({ status, hasCertificate, hasConnected, hasGateway: gateway !== null });

async function walk(): Promise<ProofAhead[]> {
  const all: ProofAhead[] = [];
  const query = { root: 2, endsAt: ends, toldFrom: now - 700 * day };
  for await (const each of foreseeProofs(home.app, query)) all.push(each);
  return all;
}

const openAlerts = () => home.app.store.read.alerts({ open: true, kind: 'trust_unproved' }, 100);
const ids = (all: readonly { readonly id: string }[]): string[] => all.map(({ id }) => id).toSorted();

async function metricsOf(slot: string): Promise<Record<string, number>> {
  const metrics = createMetrics();
  const broker = { sessionsIn: () => 0 };
  await renderMetrics({ app: home.app }, metrics, broker);
  const states = ['in_service', 'offered', 'stored', 'proved', 'unproved'];
  const values = states.map(
    async (state): Promise<[string, number]> => [
      state,
      await metrics.value('nolapse_trust_principals', { slot, state }),
    ],
  );
  return Object.fromEntries(await Promise.all(values));
}

describe('of any fleet', () => {
  it('status, metrics, alerts and walk say the same', async () => {
    const watch = new UnprovedWatch(home.app);
    const run = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
      for (const each of steps) await play(each);
      steady += 3_600_001;
      const served = [...truth.values()].filter((one) => one.hasCertificate && one.principal.status === 'active');
      const far = (rank: readonly string[]) =>
        served.filter(({ record }) => rank.includes(confirmationTowards(record, 2)));
      const unproved = served.filter(({ record }) => confirmationTowards(record, 2) !== 'proved');
      const expected = {
        inService: served.length,
        gating: served.filter(gatesOf).length,
        offered: far(['offered', 'stored', 'proved']).length,
        stored: far(['stored', 'proved']).length,
        proved: far(['proved']).length,
        unproved: unproved.filter(gatesOf).length,
      };
      const found = await walk();
      expect(ids(found)).toEqual(ids(unproved.map((one) => one.principal)));
      expect(ids(found.filter((each) => each.gates))).toEqual(
        ids(unproved.filter(gatesOf).map((one) => one.principal)),
      );

      const view = await sharesView(home.app);
      expect(view?.all).toEqual(expected);
      for (const cohort of [view?.classes, view?.owners, view?.sites]) {
        for (const key of ['inService', 'offered', 'stored', 'proved', 'unproved'] as const) {
          expect(cohort?.listed.reduce((sum, each) => sum + each[key], 0)).toBe(expected[key]);
        }
      }
      const late = found.filter(({ reason }) => reason !== null);
      expect(view?.ahead?.late).toBe(late.length);
      expect(view?.ahead?.allAt === null).toBe(late.length > 0);
      expect(view?.ahead?.neverConnected).toBe(found.filter((each) => each.gates && each.last === 0).length);
      expect(view?.ahead?.onOldPort).toBe(found.filter(({ last }) => last === 1).length);

      const listed = await listUnproved(home.app, null, 1_000);
      expect(ids(listed.principals)).toEqual(ids(found.filter((each) => each.gates)));
      expect(ids(listed.principals.filter((each) => each.late !== null))).toEqual(ids(late));
      for (const each of listed.principals) {
        expect(each.late === null).toBe(each.by !== null && each.by <= ends);
        expect(each.by).toBe(found.find(({ id }) => id === each.id)?.by);
      }

      const { inService, offered, stored, proved, unproved: left } = expected;
      expect(await metricsOf('next')).toEqual({ in_service: inService, offered, stored, proved, unproved: left });

      await watch.look(10_000);
      const alerts = await openAlerts();
      const owners = new Set(late.map(({ owner }) => owner.trim() || '(no owner)'));
      expect(new Set(alerts.map(({ subject }) => subject))).toEqual(owners);
      for (const { owner, subject } of alerts) expect(owner).toBe(subject === '(no owner)' ? null : subject);
    });
    await fc.assert(run, { numRuns: 60 });
  });
});

const device = (id: string, facts: Partial<Step> = {}): Step => ({
  ...{ id, kind: 'device', status: 'active', owner: 'anna', class: 'default', site: null, gateway: null },
  ...{ hasCertificate: true, says: 'nothing', connects: 'old', everyDays: 400 },
  ...facts,
});

describe('the alert', () => {
  it('names count, the first, what can be done and the command, grows critical, and clears by itself', async () => {
    for (const id of ['m5', 'm1', 'm2', 'm3', 'm4']) await play(device(id));
    await play(device('n1', { hasCertificate: true, connects: 'no' }));
    const watch = new UnprovedWatch(home.app);
    await watch.look(10_000);
    const [alert] = await openAlerts();
    expect(alert).toMatchObject({ subject: 'anna', owner: 'anna', severity: 'warning' });
    const day0 = new Date(ends).toISOString().replace(/\.\d+Z$/, 'Z');
    expect(alert?.detail).toBe(
      [
        `6 will not have proved root 2 when root 1 ends ${day0}: n1, m1, m2 and 3 more`,
        '5: it comes too rarely; have it connect before that, or carry the next root to it (nolapse device package)',
        '1: it was never seen; put it into service, or decommission it',
        'nolapse trust unproved root lists them',
      ].join('. '),
    );
    now = ends - 80 * day;
    steady += 3_600_001;
    await watch.look(10_000);
    expect((await openAlerts())[0]).toMatchObject({ severity: 'critical' });
    for (const id of ['m1', 'm2', 'm3', 'm4', 'm5']) await play(device(id, { connects: 'next' }));
    await play(device('n1', { status: 'decommissioned', connects: 'no' }));
    steady += 3_600_001;
    await watch.look(10_000);
    expect(await openAlerts()).toEqual([]);
  });

  it('comes a year ahead by default, and not before', async () => {
    await play(device('m1', { connects: 'no' }));
    now = ends - 400 * day;
    await new UnprovedWatch(home.app).look(10_000);
    expect(await openAlerts()).toEqual([]);
    now = ends - 360 * day;
    await new UnprovedWatch(home.app).look(10_000);
    expect(await openAlerts()).toHaveLength(1);
  });

  it('is over when the next root is given up', async () => {
    await play(device('m1', { connects: 'no' }));
    await new UnprovedWatch(home.app).look(10_000);
    expect(await openAlerts()).toHaveLength(1);
    const next = (await home.app.store.read.rootSlots())[1];
    if (!next) throw new Error('no next root');
    await home.app.store.transact((tx) => tx.putRootSlot({ ...next, state: 'aborted', endedAt: now }));
    // Another broker on the same home: it does not know what the first has raised.
    await new UnprovedWatch(home.app).look(10_000);
    expect(await openAlerts()).toEqual([]);
  });

  it('tells a count that changes once a day', async () => {
    await play(device('m1', { connects: 'no' }));
    const watch = new UnprovedWatch(home.app);
    await watch.look(10_000);
    await play(device('m2', { connects: 'no' }));
    for (const [hours, count] of [
      [1, 1],
      [23, 2],
    ] as const) {
      now += hours * 3_600_000;
      steady += 3_600_001;
      await watch.look(10_000);
      expect((await openAlerts())[0]?.detail).toMatch(new RegExp(`^${count} will not`));
    }
  });
});
