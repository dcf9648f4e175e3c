// Decisions that leave certificates too little time to be replaced: they are shown beforehand, refused unless somebody insists, and alerted
// of where nobody can be asked. On the real broker, with certificates of 90 days and a clock that the test turns.
import { afterEach, describe, expect, it } from 'vitest';
import type { OperationError } from '../../src/app/operation-error.ts';
import type { Operations } from '../../src/app/operator/operate.ts';
import type { TollView } from '../../src/app/views/decisions.ts';
import { connackOf, type House, openHouse } from './harness.ts';

const day = 86_400_000;

let house: House;
let passedMs = 0;
const clock = { now: () => Date.now() + passedMs, steady: () => performance.now() + passedMs };
afterEach(() => house.close());

async function open(yaml: string): Promise<void> {
  passedMs = 0;
  house = await openHouse({ yaml, clock });
}

const bare = ({ certificatePem, keyPem }: { certificatePem: string; keyPem: string }) => ({ certificatePem, keyPem });

/** Each has been seen in use with its certificate. */
async function devices(ids: readonly string[], more: Parameters<House['device']>[1] = {}): Promise<void> {
  for (const id of ids) expect(await connackOf(house, bare(await house.device(id, more)), id)).toBe(0);
}

const operations = (): Operations => house.gateway.operations;
const shortAlert = async (subject: string) =>
  (await operations().listAlerts({ kind: 'too_little_time', open: true })).find((each) => each.subject === subject);

async function refusalOf(work: Promise<unknown>): Promise<OperationError> {
  const error = await work.then(
    () => null,
    (reason: OperationError) => reason,
  );
  if (error === null) throw new Error('it was not refused');
  expect(error.code).toBe('conflict');
  return error;
}

/** The last tenth of its life is what another try may need. */
const classes = (values: string, more = ''): string =>
  `classes:\n  default: { lifetime: 90d, spread: 0%, backdate: 0s, retryMax: 10%, ${values} }\n${more}`;

/** Policies that leave devices too little time which `renewAt: 50%` leaves enough. */
const bad = { late: classes('renewAt: 99%'), modes: classes('renewAt: 50%, keyModes: [keygen]') };

describe('a change of policy', () => {
  it('is shown beforehand, with how many due dates move, in which direction, and what falls due at once', async () => {
    await open(`${classes('renewAt: 50%')}limits: { offersPerSecond: 2 }\n`);
    await devices(['pump-1', 'pump-2', 'pump-3']);
    passedMs = 30 * day;
    house.configure(`${classes('renewAt: 20%')}limits: { offersPerSecond: 2 }\n`);
    const { toll, applied } = await operations().reload({ dryRun: true });
    expect(applied).toBe(false);
    expect(toll).toMatchObject({ looked: 3, earlier: 3, later: 0, unmoved: 0, dueAtOnce: 3, short: 0 });
    expect(toll).toMatchObject({ offersPerSecond: 2, offersTakeMs: 1_500 });
    expect(house.log.count('policy.reloaded')).toBe(0);
    house.configure(`${classes('renewAt: 60%')}limits: { offersPerSecond: 2 }\n`);
    expect((await operations().reload({ dryRun: true })).toll).toMatchObject({ earlier: 0, later: 3, dueAtOnce: 0 });
    house.configure(`${classes('renewAt: 50%, grace: 40d')}limits: { offersPerSecond: 2 }\n`);
    expect((await operations().reload()).toll).toMatchObject({ looked: 3, unmoved: 3 });
  });

  it('that leaves certificates too little time is refused, and taken over once somebody insists, which is recorded', async () => {
    await open(classes('renewAt: 50%'));
    await devices(['pump-1', 'pump-2']);
    house.configure(bad.late);
    const { toll } = await operations().reload({ dryRun: true });
    expect(toll).toMatchObject({ later: 2, short: 2, devices: { length: 2 } });
    expect((toll as TollView).devices[0]).toMatchObject({ id: 'pump-1', owner: 'tests', why: 'too_late' });
    const { faults } = await refusalOf(operations().reload());
    expect(faults[0]).toContain('2 certificates would have too little time');
    expect(faults.join('\n')).toMatch(
      /^2 certificates: .*; the first is that of pump-1 \(tests\), which ends .*; then pump-2$/m,
    );
    expect(await house.log.until('policy.refused')).toMatchObject({ 'nolapse.short': 2 });
    const policy = await operations().explainPolicy({ id: 'pump-1' });
    expect(policy.values.find(({ key }) => key === 'renewAt')?.text).toBe('50%');
    for (const request of [
      { force: true },
      { force: true, reason: ' ' },
      { reason: 'x' },
      { force: true, reason: 'a\nb' },
    ]) {
      await expect(operations().reload(request)).rejects.toMatchObject({ code: 'invalid' });
    }
    const forced = await operations().reload({ force: true, reason: 'the fleet is scrapped', by: 'ana' });
    expect(forced).toMatchObject({ applied: true, toll: { short: 2 } });
    const line = await house.log.until('decision.forced');
    expect(line).toMatchObject({ 'nolapse.by': 'ana', 'nolapse.short': 2 });
    expect(line.message).toContain('the fleet is scrapped');
    await expect.poll(() => shortAlert('policies')).toMatchObject({ severity: 'critical' });
    expect((await shortAlert('policies'))?.detail).toContain('2 certificates');
    // Policies that leave enough time again are nobody's business, and end it.
    house.configure(classes('renewAt: 50%'));
    expect((await operations().reload()).toll).toMatchObject({ short: 0 });
    await expect.poll(() => shortAlert('policies')).toBeUndefined();
  });

  it('that comes by SIGHUP is refused in the log and by an alert, until the policies are taken over', async () => {
    await open(classes('renewAt: 50%'));
    await devices(['pump-1']);
    house.configure(bad.late);
    await house.gateway.hangUp();
    expect(await house.log.until('policy.refused')).toMatchObject({ 'event.reason': 'too_little_time' });
    expect(await shortAlert('reload')).toMatchObject({ severity: 'warning' });
    expect(house.log.count('policy.reloaded')).toBe(0);
    house.configure(classes('renewAt: 45%'));
    await house.gateway.hangUp();
    await house.log.until('policy.reloaded');
    expect(await shortAlert('reload')).toBeUndefined();
  });

  it('that was refused after SIGHUP is no longer alerted of once the broker has started anew, whatever the file says', async () => {
    await open(classes('renewAt: 50%'));
    await devices(['pump-1']);
    house.configure(bad.late);
    await house.gateway.hangUp();
    expect(await shortAlert('reload')).toMatchObject({ severity: 'warning' });
    await house.restart(() => house.configure(classes('renewAt: 50%')));
    expect(await shortAlert('reload')).toBeUndefined();
    house.configure(bad.late);
    await house.gateway.hangUp();
    expect(await shortAlert('reload')).toMatchObject({ severity: 'warning' });
    await house.restart();
    expect(await shortAlert('reload')).toBeUndefined();
    await expect.poll(() => shortAlert('policies')).toMatchObject({ severity: 'critical' });
  });

  it.each(Object.entries(bad))('is never refused at a start, and alerted of: %s', async (_name, yaml) => {
    await open(classes('renewAt: 50%'));
    await devices(['pump-1']);
    house.configure(classes('renewAt: 49%'));
    await operations().reload();
    await house.log.until('policy.applied');
    await house.restart(() => house.configure(yaml));
    await expect.poll(() => shortAlert('policies')).toMatchObject({ severity: 'critical' });
    expect((await shortAlert('policies'))?.detail).toContain('pump-1');
    // The same once more is no news.
    await house.gateway.operations.clearAlert({ kind: 'too_little_time', subject: 'policies' });
    await house.restart();
    await house.gateway.operations.lookOver();
    expect(await shortAlert('policies')).toBeUndefined();
  });

  it('that takes a device its key modes, or its grace, is refused as well', async () => {
    await open(classes('renewAt: 50%, grace: 60d'));
    await devices(['pump-1', 'pump-2']);
    house.configure(bad.modes.replace('renewAt', 'grace: 60d, renewAt'));
    expect((await operations().reload({ dryRun: true })).toll?.devices[0]).toMatchObject({ why: 'no_key_mode' });
    passedMs = 100 * day;
    await house.log.until('certificate.expired', { 'nolapse.principal': 'pump-2' });
    house.configure(classes('renewAt: 50%, grace: 5d'));
    const { toll } = await operations().reload({ dryRun: true });
    expect(toll).toMatchObject({ looked: 0, short: 2 });
    expect(toll?.devices.map(({ id, why }) => [id, why])).toEqual([
      ['pump-1', 'no_grace'],
      ['pump-2', 'no_grace'],
    ]);
    await refusalOf(operations().reload());
    house.configure(classes('renewAt: 50%, grace: 50d'));
    expect((await operations().reload()).toll).toMatchObject({ short: 0 });
  });
});
