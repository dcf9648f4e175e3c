// Policies that change while devices are in use: due dates follow, with a restart or without one, and nothing else does. On the real
// broker, with certificates of 90 days and a clock that the test turns.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { replan } from '../../src/app/oversight/replan.ts';
import { loadConfig } from '../../src/config/index.ts';
import { assemble } from '../../src/home/home.ts';
import { createDecisionLog } from '../../src/telemetry/decision-log.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { nobody } from '../fakes/nobody.ts';
import { connackOf, connect, type House, openHouse, Speaker } from './harness.ts';
import type { Line } from './recorder.ts';

const day = 86_400_000;
const classes = (renewAt: string, more = ''): string =>
  `classes:\n  default: { lifetime: 90d, renewAt: ${renewAt}, spread: 0%, backdate: 0s }\n${more}`;

let house: House;
let passedMs = 0;
const clock = { now: () => Date.now() + passedMs, steady: () => performance.now() + passedMs };
afterEach(() => house.close());

async function open(yaml: string): Promise<void> {
  passedMs = 0;
  house = await openHouse({ yaml, clock });
}

async function devices(...ids: string[]): Promise<void> {
  for (const id of ids) expect(await connackOf(house, bare(await house.device(id)), id)).toBe(0);
}

const bare = ({ certificatePem, keyPem }: { certificatePem: string; keyPem: string }) => ({ certificatePem, keyPem });

/** The day of its certificate's life on which its replacement is due; null: on none. */
async function dueOn(id: string): Promise<number | null> {
  const { certificates } = await house.gateway.operations.showDevice({ id });
  const entry = certificates.find(({ state }) => state === 'active');
  return entry?.renewAt == null ? null : (entry.renewAt - entry.notBefore) / day;
}

const counts = (line: Line): unknown[] => ['looked', 'earlier', 'later', 'due'].map((name) => line[`nolapse.${name}`]);

it('has devices fall due without a restart, over the session that is open, when renewal is to be earlier', async () => {
  await open(classes('60%'));
  const credentials = bare(await house.device('pump-1'));
  const device = await new Speaker(await connect(house, credentials, 'pump-1'), 'pump-1').listen();
  let dropped = false;
  device.client.on('close', () => {
    dropped = true;
  });
  expect(await dueOn('pump-1')).toBeCloseTo(54, 1);
  passedMs = 30 * day;
  house.configure(classes('30%', 'skew: 1m\n'));
  expect(await house.gateway.operations.reload()).toMatchObject({
    changed: ['default/low', 'default/medium', 'default/high', 'default/critical'],
    atNextStart: ['skew'],
    applied: true,
    toll: { looked: 1, earlier: 1, later: 0, unmoved: 0, dueAtOnce: 1, short: 0 },
  });
  expect(counts(await house.log.until('policy.applied'))).toEqual([1, 1, 0, 1]);
  expect((await device.next('offer')).renewal).toBeTruthy();
  expect(dropped).toBe(false);
  await device.client.endAsync();
});

it('has certificates of another lifetime due, warned of and alarmed of in the same part of their own life', async () => {
  const policyOf = (lifetime: string, renewAt: string): string =>
    `classes:\n  default: { lifetime: ${lifetime}, renewAt: ${renewAt}, spread: 0%, backdate: 1d, expiryWarning: 30d, expiryAlarm: 10d }\n`;
  await open(policyOf('90d', '60d'));
  const credentials = bare(await house.device('pump-1'));
  const device = await new Speaker(await connect(house, credentials, 'pump-1'), 'pump-1').listen();
  expect(await dueOn('pump-1')).toBeCloseTo(60, 1);
  house.configure(policyOf('1y', '180d'));
  await house.gateway.operations.reload();
  await house.log.until('policy.applied');
  // (180 - 1) / 365 of 90 days, and a day from notBefore to its issuance.
  expect(await dueOn('pump-1')).toBeCloseTo(1 + (179 / 365) * 90, 1);
  const { certificates } = await house.gateway.operations.explainPolicy({ id: 'pump-1' });
  const [plan] = certificates;
  if (!plan) throw new Error('no certificate is in use');
  expect((plan.notAfter - plan.warnAt) / day).toBeCloseTo((30 / 365) * 90, 1);
  expect((plan.notAfter - plan.alarmAt) / day).toBeCloseTo((10 / 365) * 90, 1);
  passedMs = 45 * day;
  expect((await device.next('offer')).renewal).toBeTruthy();
  await device.client.endAsync();
});

it('moves due dates back when renewal is to be later, with the next start, and leaves an open renewal alone', async () => {
  await open(classes('60%'));
  await devices('pump-1', 'pump-2', 'pump-3');
  await house.gateway.operations.runRenewal({ device: 'pump-3' });
  const before = await house.gateway.operations.listRenewals({ device: 'pump-3' });
  await house.restart(() => house.configure(classes('70%')));
  expect(counts(await house.log.until('policy.applied'))).toEqual([3, 0, 2, 0]);
  expect(await dueOn('pump-1')).toBeCloseTo(63, 1);
  expect(await dueOn('pump-2')).toBeCloseTo(63, 1);
  expect(await dueOn('pump-3')).toBeNull();
  const after = await house.gateway.operations.listRenewals({ device: 'pump-3' });
  expect(after.map(({ id, createdAt, deadline }) => [id, createdAt, deadline])).toEqual(
    before.map(({ id, createdAt, deadline }) => [id, createdAt, deadline]),
  );
  // The same policies once more: nothing is reckoned.
  const since = house.log.lines.length;
  await house.restart();
  await house.gateway.operations.lookOver();
  expect(house.log.lines.slice(since).filter((line) => line['event.action'] === 'policy.applied')).toEqual([]);
});

it('refuses a configuration with faults whole, names them all, and goes on with the policies it has', async () => {
  await open(classes('60%'));
  await devices('pump-1');
  house.configure(
    `${classes('20%')}  meter: { overlap: 91d, grace: -1d, lifetme: 3d }\ncriticalities:\n  high: { expiryAlarm: 30% }\n`,
  );
  const faults = ['lifetme: unknown key', 'grace: expected a duration', 'high.expiryAlarm: 30% does not fit'];
  const refusal = house.gateway.operations.reload();
  await expect(refusal).rejects.toMatchObject({ code: 'invalid', faults: { length: 3 } });
  const line = await house.log.until('policy.refused');
  for (const fault of faults) expect(JSON.stringify(line['nolapse.faults'])).toContain(fault);
  expect(house.log.count('policy.reloaded')).toBe(0);
  expect(await dueOn('pump-1')).toBeCloseTo(54, 1);
  const later = await house.device('pump-2');
  expect(await connackOf(house, bare(later), 'pump-2')).toBe(0);
  expect(await dueOn('pump-2')).toBeCloseTo(54, 1);
});

it("has a principal's dates follow its class and its criticality, whoever changes them", async () => {
  const more = [
    '  early: { renewAt: 40% }',
    'criticalities:',
    '  critical: { renewAt: 50% }',
    'sources:',
    '  plant: { kind: file, path: plant.csv, every: 1h }',
  ].join('\n');
  await open(`${classes('60%', more)}\n`);
  await devices('pump-1', 'pump-2');
  await house.gateway.operations.importDevices({ format: 'csv', text: 'id,owner,class\npump-1,tests,early\n' });
  expect(await dueOn('pump-1')).toBeCloseTo(36, 1);
  await house.gateway.operations.importDevices({ format: 'csv', text: 'id,class,criticality\npump-1,,low\n' });
  expect(await dueOn('pump-1')).toBeCloseTo(54, 1);
  // A default written into the class `default` goes before nobody: of criticality it is critical's, of class early its own.
  await house.gateway.operations.importDevices({
    format: 'csv',
    text: 'id,owner,class,criticality\npump-1,tests,early,critical\n',
  });
  expect(await dueOn('pump-1')).toBeCloseTo(36, 1);
  writeFileSync(join(house.home, 'plant.csv'), 'id,owner,class\npump-2,tests,early\n');
  await house.gateway.operations.reconcile({ source: 'plant', takeOver: true });
  expect(await dueOn('pump-2')).toBeCloseTo(36, 1);
});

it('explains what follows from a policy for a certificate in use, and what moved its date', async () => {
  await open(classes('60%'));
  const credentials = bare(await house.device('pump-1'));
  expect(await connackOf(house, credentials, 'pump-1')).toBe(0);
  const explained = async () => {
    const { certificates } = await house.gateway.operations.explainPolicy({ id: 'pump-1' });
    expect(certificates).toHaveLength(1);
    const [certificate] = certificates;
    if (!certificate) throw new Error('no certificate is in use');
    return certificate;
  };
  const first = await explained();
  const { notBefore, notAfter } = first;
  expect(first).toMatchObject({
    renewal: null,
    dueAt: notBefore + 54 * day,
    reckoned: { renewAt: notBefore + 54 * day, spreadMs: 0, at: notBefore + 54 * day, by: 'policy' },
    keyMode: 'csr',
    keyModes: [
      { mode: 'csr', objection: null },
      { mode: 'recertify', objection: 'device' },
    ],
    overlapMs: 7 * day,
    graceUntil: notAfter + 30 * day,
    warnAt: notAfter - 18 * day,
    alarmAt: notAfter - 4.5 * day,
    overdueAt: notBefore + 63 * day,
  });
  // What it was away for counts from when the broker saw it leave.
  const isHere = async () => (await house.gateway.operations.showDevice({ id: 'pump-1' })).presence?.here;
  await expect.poll(isHere).toBe(false);
  passedMs = 30 * day;
  const since = house.log.lines.length;
  expect(await connackOf(house, credentials, 'pump-1')).toBe(0);
  await house.log.until('renewal.due', {}, since);
  const [renewal] = await house.gateway.operations.listRenewals({ device: 'pump-1' });
  const later = await explained();
  expect(later).toMatchObject({ renewal: renewal?.id, dueAt: null, reckoned: { by: 'planned_gap' }, keyMode: 'csr' });
  expect(later.reckoned.at).toBeLessThan(notBefore + 30 * day);
  // It was away for longer than the nine days of the policy, and may be again.
  const waitedMs = (later.overdueAt ?? 0) - (renewal?.createdAt ?? 0);
  expect(waitedMs).toBeGreaterThan(29 * day);
  expect(waitedMs).toBeLessThan(40 * day);
});

it('goes on where it was cut off, and counts no certificate twice', async () => {
  await open(classes('60%'));
  await devices('pump-1', 'pump-2', 'pump-3', 'pump-4', 'pump-5');
  await house.restart();
  await house.gateway.close();
  house.configure(classes('50%'));
  const file = join(house.home, 'nolapse.yaml');
  const config = loadConfig({ file, env: { NOLAPSE_SWEEP_BATCH: '1' } });
  const log = createLog({ level: 'silent' });
  const { app, outbox } = await assemble(
    { home: house.home, config, log, clock },
    createDecisionLog(log, createMetrics()),
    nobody,
    'use',
  );
  let looks = 0;
  const signal = {
    get aborted() {
      looks += 1;
      return looks > 2;
    },
  } as AbortSignal;
  await replan(app, signal);
  await outbox.close();
  await app.store.close();
  const since = house.log.lines.length;
  await house.restart();
  const line = await house.log.until('policy.applied', {}, since);
  expect(counts(line)).toEqual([5, 5, 0, 0]);
  for (const id of ['pump-1', 'pump-3', 'pump-5']) expect(await dueOn(id)).toBeCloseTo(45, 1);
});

it('tells of a class that devices name and the configuration no longer has', async () => {
  await open(classes('60%', '  early: { renewAt: 40% }\n'));
  const credentials = bare(await house.device('pump-1', { class: 'early' }));
  expect(await connackOf(house, credentials, 'pump-1')).toBe(0);
  await house.device('pump-2');
  await house.gateway.operations.lookOver();
  const findings = () => house.gateway.operations.listFindings({ kind: 'unknown_class' });
  expect(await findings()).toEqual([]);
  house.configure(classes('60%'));
  await house.gateway.operations.reload();
  const line = await house.log.until('policy.class_unknown');
  expect(line['nolapse.classes']).toEqual(['early']);
  expect(await dueOn('pump-1')).toBeCloseTo(54, 1);
  await house.gateway.operations.lookOver();
  expect(await findings()).toMatchObject([{ subject: 'pump-1', detail: expect.stringContaining('class early') }]);
  house.configure(classes('60%', '  early: { renewAt: 40% }\n'));
  await house.restart();
  await expect.poll(() => dueOn('pump-1')).toBeCloseTo(36, 1);
  await house.gateway.operations.lookOver();
  expect(await findings()).toEqual([]);
  expect(house.log.count('policy.class_unknown')).toBe(1);
});

it("moves due dates when a cohort's share changes, and when one device changes its cohort", async () => {
  const spread = (canaries: string): string =>
    `rollout: { canaryShare: ${canaries}, earlyShare: 0% }\nclasses:\n  default: { lifetime: 90d, renewAt: 60%, spread: 20%, backdate: 0s }\n`;
  await open(spread('0%'));
  await devices('pump-1', 'pump-2');
  // The last three fifths of 18 days before day 54; canaries have the first fifth.
  for (const id of ['pump-1', 'pump-2']) expect(await dueOn(id)).toBeGreaterThan(43.1);
  await house.restart(() => house.configure(spread('100%')));
  expect(counts(await house.log.until('policy.applied'))).toEqual([2, 2, 0, 0]);
  for (const id of ['pump-1', 'pump-2']) expect(await dueOn(id)).toBeLessThan(39.7);
  await house.gateway.operations.importDevices({ format: 'csv', text: 'id,owner,cohort\npump-1,tests,early\n' });
  expect(await dueOn('pump-1')).toBeGreaterThan(39.5);
  expect(await dueOn('pump-1')).toBeLessThan(43.3);
  expect(await dueOn('pump-2')).toBeLessThan(39.7);
});
