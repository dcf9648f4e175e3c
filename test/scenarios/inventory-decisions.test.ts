// Decisions about the inventory and about site gateways that would leave certificates too little time: refused unless somebody insists, or
// alerted of before anything lapses. On the real broker, with certificates of 90 days and a clock that the test turns.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { OperationError } from '../../src/app/operation-error.ts';
import type { Operations } from '../../src/app/operator/operate.ts';
import { darkReasons } from '../../src/domain/forecast.ts';
import { shortReasons } from '../../src/domain/time-left.ts';
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
async function refusalOf(work: Promise<unknown>): Promise<OperationError> {
  const error = await work.then(
    () => null,
    (reason: OperationError) => reason,
  );
  if (error === null) throw new Error('it was not refused');
  expect(error.code).toBe('conflict');
  return error;
}

const reasons: Readonly<Record<string, string>> = { ...darkReasons, ...shortReasons };

/** Classes that differ in what they leave a device. */
const kinds = `classes:
  default: { lifetime: 90d, spread: 0%, backdate: 0s, renewAt: 50%, retryMax: 10% }
  late: { renewAt: 99% }
  keyless: { keyModes: [keygen] }
criticalities: { low: { renewAt: 99% } }
sources:
  plant: { kind: file, path: plant.csv, every: 1h }
`;

describe('another record of a device', () => {
  it.each<[string, string, string]>([
    ['class', 'id,owner,class\npump-1,tests,late\n', 'too_late'],
    ['criticality', 'id,owner,criticality\npump-1,tests,low\n', 'too_late'],
    ['key modes of its class', 'id,owner,class\npump-1,tests,keyless\n', 'no_key_mode'],
    ['key modes', 'id,owner,modes\npump-1,tests,keygen\n', 'no_key_mode'],
    ['gateway', 'id,owner,gateway\npump-1,tests,gw-gone\n', 'gateway_gone'],
  ])(
    'that leaves it too little time by its %s is refused, and written once somebody insists',
    async (_what, text, why) => {
      await open(kinds);
      await devices(['pump-1']);
      await operations().addDevice({ id: 'gw-gone', owner: 'tests', kind: 'gateway' });
      await operations().decommissionDevice({ id: 'gw-gone' });
      const before = (await operations().showDevice({ id: 'pump-1' })).principal;
      const { faults } = await refusalOf(operations().importDevices({ format: 'csv', text }));
      expect(faults.join('\n')).toContain(reasons[why]);
      expect((await operations().showDevice({ id: 'pump-1' })).principal).toEqual(before);
      const insisting = { force: true, reason: 'it is replaced next week', by: 'ana' };
      expect(await operations().importDevices({ format: 'csv', text, ...insisting })).toMatchObject({
        added: 0,
        updated: 1,
      });
      expect(await house.log.until('decision.forced')).toMatchObject({ 'nolapse.by': 'ana', 'nolapse.short': 1 });
    },
  );

  it('that a source brings is refused by its guard, with an alert, and taken once somebody insists', async () => {
    await open(kinds);
    await devices(['pump-1']);
    writeFileSync(join(house.home, 'plant.csv'), 'id,owner,class\npump-1,tests,default\n');
    await operations().reconcile({ source: 'plant', takeOver: true });
    writeFileSync(join(house.home, 'plant.csv'), 'id,owner,class\npump-1,tests,late\n');
    expect(await operations().reconcile({ source: 'plant', dryRun: true })).toMatchObject({ applied: false, short: 1 });
    const refused = await operations().reconcile({ source: 'plant', acceptLoss: true });
    expect(refused).toMatchObject({ applied: false, short: 1, objection: expect.stringContaining('too little time') });
    expect((await operations().showDevice({ id: 'pump-1' })).principal.class).toBe('default');
    const open_ = await operations().listAlerts({ kind: 'source_failed', open: true });
    expect(open_).toMatchObject([{ subject: 'plant', detail: expect.stringContaining('too little time') }]);
    const insisting = { force: true, reason: 'so the plant wants it' };
    expect(await operations().reconcile({ source: 'plant', ...insisting })).toMatchObject({ applied: true });
    expect((await operations().showDevice({ id: 'pump-1' })).principal.class).toBe('late');
    expect(house.log.count('decision.forced')).toBe(1);
  });

  it.each(['class', 'site'])(
    'is refused where a file empties the field %s of many devices, and not where its column is missing',
    async (field) => {
      await open(kinds.replace('  late:', '  north: {}\n  late:'));
      const ids = Array.from({ length: 30 }, (_, i) => `d-${i}`);
      const file = (rows: readonly string[], more: string) =>
        `id,owner${more && `,${field}`}\n${rows.map((id) => `${id},tests${more}\n`).join('')}`;
      await operations().importDevices({ format: 'csv', text: file(ids, ',north') });
      const { faults } = await refusalOf(operations().importDevices({ format: 'csv', text: file(ids, ',') }));
      expect(faults[0]).toContain(`the field ${field} of 30 devices would be emptied`);
      expect((await operations().showDevice({ id: 'd-7' })).principal[field as 'class' | 'site']).toBe('north');
      // A few may be meant.
      expect(await operations().importDevices({ format: 'csv', text: file(ids.slice(0, 5), ',') })).toMatchObject({
        updated: 5,
      });
      expect(await operations().importDevices({ format: 'csv', text: file(ids, '') })).toMatchObject({ unchanged: 30 });
      const forced = { text: file(ids, ','), format: 'csv', force: true, reason: 'the site is closed' } as const;
      expect(await operations().importDevices(forced)).toMatchObject({ updated: 25 });
    },
  );
});

describe('a delegation', () => {
  const shortOf = async (gateway: string): Promise<string | undefined> => {
    await operations().lookOver();
    const alerts = await operations().listAlerts({ kind: 'delegation_short', open: true });
    return alerts.find(({ subject }) => subject === gateway)?.detail;
  };

  it('that ends and has none to follow it raises an alert two weeks before, until another does', async () => {
    await open(kinds);
    await operations().addDevice({ id: 'gw-1', owner: 'site-team', kind: 'gateway', site: 'north' });
    const grant = { gateway: 'gw-1', site: 'north', modes: ['csr'], daily: 10 };
    await operations().addDelegation({ ...grant, until: '20d' });
    expect(await shortOf('gw-1')).toBeUndefined();
    passedMs = 10 * day;
    expect(await shortOf('gw-1')).toMatch(/for site north ends .*, and none follows it/);
    passedMs = 30 * day;
    expect(await shortOf('gw-1')).toMatch(/and none follows it/);
    await operations().addDelegation({ ...grant, until: '90d' });
    expect(await shortOf('gw-1')).toBeUndefined();
  });

  it('that allows fewer renewals a day than the devices behind it need raises an alert, until it allows enough', async () => {
    await open(kinds);
    await operations().addDevice({ id: 'gw-1', owner: 'site-team', kind: 'gateway', site: 'north' });
    // One renewal in 45 days each: two a day, and one more.
    const rows = Array.from({ length: 91 }, (_, i) => `d-${i},tests,north\n`).join('');
    await operations().importDevices({ format: 'csv', text: `id,owner,site\n${rows}` });
    const grant = { gateway: 'gw-1', site: 'north', modes: ['csr'], until: '90d' };
    const { id } = await operations().addDelegation({ ...grant, daily: 2 });
    expect(await shortOf('gw-1')).toBe(
      'the delegations for site north allow 2 renewals a day, and its devices need about 3',
    );
    await operations().addDelegation({ ...grant, daily: 1 });
    expect(await shortOf('gw-1')).toBeUndefined();
    await operations().revokeDelegation({ id });
    expect(await shortOf('gw-1')).toContain('allow 1 renewals a day');
    await operations().decommissionDevice({ id: 'gw-1' });
    expect(await shortOf('gw-1')).toBeUndefined();
  });
});
