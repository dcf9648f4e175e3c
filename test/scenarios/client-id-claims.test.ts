// A new id takes the client ids that begin with it from whoever uses them: refused unless somebody insists, by whatever way the id comes into
// the inventory. On the real broker, with sessions that are connected and sessions that are stored.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OperationError } from '../../src/app/operation-error.ts';
import type { Operations } from '../../src/app/operator/operate.ts';
import { type Credentials, connackOf, connect, type House, openHouse } from './harness.ts';

let house: House;
let credentials: Credentials;
let live: MqttClient;
const operations = (): Operations => house.gateway.operations;

/** `a` is connected as a:b:1, has a stored session as a:b, and others that are nobody else's. */
beforeEach(async () => {
  house = await openHouse({ yaml: 'sources: { plant: { kind: file, path: plant.csv, every: 365d } }' });
  credentials = await house.device('a', { class: 'default' });
  await house.device('a-b');
  live = await connect(house, credentials, 'a:b:1');
  for (const id of ['a:b', 'a:c', 'a:bc']) {
    const stored = await connect(house, credentials, id, { clean: false });
    await stored.subscribeAsync('devices/a/#', { qos: 1 });
    await stored.endAsync();
  }
  expect(await connackOf(house, credentials, 'a')).toBe(0);
});
afterEach(async () => {
  await live.endAsync(true);
  await house.close();
});

async function refusalOf(work: Promise<unknown>): Promise<string[]> {
  const error = await work.then(
    () => null,
    (reason: OperationError) => reason,
  );
  expect(error).toMatchObject({ code: 'conflict' });
  return [...(error?.faults ?? [])];
}

const named = ['a:b of a, which has a stored session', 'a:b:1 of a, which is connected'];
const insisting = { force: true, reason: 'a gets another name for it', by: 'ana' } as const;

async function expectTaken(): Promise<void> {
  await house.log.until('session.ended', { 'event.reason': 'client_id_taken', 'nolapse.client_id': 'a:b:1' });
  expect(await house.log.until('decision.forced')).toMatchObject({ 'nolapse.by': 'ana', 'nolapse.short': 2 });
  expect(await connackOf(house, credentials, 'a:b')).toBe(2);
  expect(await connackOf(house, credentials, 'a:c')).toBe(0);
}

describe('a new id that takes client ids others use', () => {
  it('is refused by device add, with who uses them, until somebody insists', async () => {
    const input = { id: 'a:b', owner: 'tests' };
    const [first, ...rest] = await refusalOf(operations().addDevice(input));
    expect(first).toMatch(/^refused: it takes 2 client ids that others use; the first is .*$/);
    expect(rest.pop()).toBe('To apply it anyway: `nolapse device add a:b --force --reason TEXT`');
    expect(rest.sort()).toEqual(named);
    await expect(operations().showDevice({ id: 'a:b' })).rejects.toMatchObject({ code: 'not_found' });
    expect(live.connected).toBe(true);
    await expect(operations().addDevice({ ...input, force: true })).rejects.toMatchObject({ code: 'invalid' });
    await operations().addDevice({ ...input, ...insisting });
    await expectTaken();
  });

  it.each(['a:d', 'a:b:1:2', 'b', 'a-b:1'])('is taken without a question where nobody uses them: %s', async (id) => {
    expect(await operations().addDevice({ id, owner: 'tests' })).toMatchObject({ id });
    expect(live.connected).toBe(true);
  });

  it('is refused by device import as a whole, until somebody insists', async () => {
    const file = { format: 'csv', text: 'id,owner\nz,tests\na:b,tests\n' } as const;
    const [first, ...rest] = await refusalOf(operations().importDevices(file));
    expect(first).toContain('it takes 2 client ids that others use');
    expect(rest.pop()).toBe('To apply it anyway: `nolapse device import FILE --force --reason TEXT`');
    expect(rest.sort()).toEqual(named);
    await expect(operations().showDevice({ id: 'z' })).rejects.toMatchObject({ code: 'not_found' });
    expect(await operations().importDevices({ ...file, ...insisting })).toMatchObject({ added: 2, updated: 0 });
    await expectTaken();
    // What is there already takes nothing anew.
    expect(await operations().importDevices(file)).toMatchObject({ added: 0, unchanged: 2 });
  });

  it('is refused in a source by its guard, with an alert, until somebody insists', async () => {
    writeFileSync(join(house.home, 'plant.csv'), 'id,owner\na:b,tests\n');
    const shown = await operations().reconcile({ source: 'plant', dryRun: true });
    expect(shown).toMatchObject({ applied: false, claimed: 2, short: 0, insist: true, loses: false });
    const refused = await operations().reconcile({ source: 'plant', acceptLoss: true });
    expect(refused).toMatchObject({ applied: false, objection: expect.stringContaining('2 client ids') });
    const alerts = await operations().listAlerts({ kind: 'source_failed', open: true });
    expect(alerts).toMatchObject([{ subject: 'plant', detail: expect.stringContaining('a:b') }]);
    expect(live.connected).toBe(true);
    expect(await operations().reconcile({ source: 'plant', ...insisting })).toMatchObject({ applied: true });
    await expectTaken();
  });
});
