// What the broker finds in a fleet that somebody should see to: who came and is not known, who is known and never came, and what a
// look over the inventory shows.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { OtherCa } from '../pki/made.ts';
import { connackOf, type House, openHouse, quickClasses } from './harness.ts';
import { renewed } from './renewed.ts';

const hour = 3_600_000;
const patient = 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }';
const ca = new OtherCa('Somebody', Date.now() + 1_000 * hour);
const inUse = () => ({ notBefore: Date.now() - hour, notAfter: Date.now() + hour });

let house: House;
afterEach(() => house.close());

const findings = async (kind?: string) => {
  const found = await house.gateway.operations.listFindings(kind === undefined ? {} : { kind });
  return found.map((each) => `${each.kind} ${each.subject}`);
};
const lookOver = () => house.gateway.operations.lookOver();

describe('who knocks and is not known', () => {
  it('is listed by the name in its certificate, once however often it comes, until the inventory has it', async () => {
    house = await openHouse({ yaml: patient });
    for (const _ of [1, 2, 3]) expect(await connackOf(house, ca.issue('pump-9', inUse()), 'pump-9')).toBe(5);
    expect(await connackOf(house, ca.issue('No Id At All', inUse()), 'x')).toBe(5);
    expect(await connackOf(house, null, 'pump-8')).toBe(5);
    await vi.waitFor(async () => expect(await findings('not_in_inventory')).toHaveLength(2), 60_000);
    const [anonymous, named] = await house.gateway.operations.listFindings({ kind: 'not_in_inventory' });
    expect(anonymous?.subject).toMatch(/^certificate [0-9a-f]{16}$/);
    expect(named).toMatchObject({
      subject: 'pump-9',
      detail: expect.stringMatching(/refused, last from 127\.0\.0\.1$/),
    });
    await house.gateway.operations.addDevice({ id: 'pump-9', owner: 'tests' });
    await lookOver();
    expect(await findings('not_in_inventory')).toEqual([`not_in_inventory ${anonymous?.subject}`]);
  });

  it('is told apart from a device of the inventory whose certificate the ledger does not know', async () => {
    house = await openHouse({ yaml: patient });
    const pump = await house.device('pump-1');
    expect(await connackOf(house, ca.issue('pump-1', inUse()), 'pump-1')).toBe(5);
    expect(await connackOf(house, pump, 'pump-2')).toBe(2);
    await vi.waitFor(
      async () =>
        expect(await findings()).toEqual([
          'client_id_mismatch pump-1',
          'never_seen pump-1',
          'unknown_certificate pump-1',
        ]),
      60_000,
    );
    expect(await connackOf(house, pump, 'pump-1')).toBe(0);
    await vi.waitFor(async () => {
      const { contact } = await house.gateway.operations.showDevice({ id: 'pump-1' });
      expect(contact?.lastSeenAt).toBeGreaterThan(0);
    }, 60_000);
    await lookOver();
    expect(await findings()).toEqual([]);
  });
});

describe('a look over the fleet', () => {
  it('is taken by itself, and finds who was never seen', async () => {
    house = await openHouse({ yaml: `${quickClasses}\nfindings: { every: 1s }` });
    await house.gateway.operations.addDevice({ id: 'pump-1', owner: 'tests' });
    await vi.waitFor(async () => expect(await findings()).toEqual(['never_seen pump-1']), 60_000);
    const pump = await house.gateway.operations.issueDevice({ id: 'pump-1' });
    expect(await connackOf(house, pump, 'pump-1')).toBe(0);
    await vi.waitFor(async () => expect(await findings()).toEqual([]), 60_000);
  });

  it('keeps since when something is so, and forgets it when it is no more', async () => {
    let offset = 0;
    house = await openHouse({ yaml: patient, clock: { now: () => Date.now() + offset } });
    const { operations } = house.gateway;
    await operations.addDevice({ id: 'gw-1', owner: 'tests', kind: 'gateway', site: 'south' });
    await operations.addDevice({ id: 'pump-1', owner: 'tests', site: 'north', gateway: 'gw-1' });
    await lookOver();
    const [first] = await operations.listFindings({ kind: 'site_mismatch' });
    expect(first).toMatchObject({ subject: 'pump-1', detail: 'it is at north, its gateway gw-1 at south' });
    offset = 60_000;
    await lookOver();
    const [again] = await operations.listFindings({ kind: 'site_mismatch' });
    expect(again?.firstAt).toBe(first?.firstAt);
    expect(again?.lastAt).toBeGreaterThanOrEqual((first?.lastAt ?? 0) + 60_000);
    await operations.importDevices({ format: 'csv', text: 'id,owner,kind,site\ngw-1,tests,gateway,north\n' });
    await operations.decommissionDevice({ id: 'pump-1' });
    await lookOver();
    expect(await findings()).toEqual(['never_seen gw-1']);
  });

  it('finds what a source brought without an owner', async () => {
    house = await openHouse({
      yaml: `${patient}\nsources: { plant: { kind: file, path: plant.csv, every: 365d } }`,
      files: { 'plant.csv': 'id,owner\npump-1,\npump-2,water\n' },
    });
    await house.log.until('source.reconciled');
    await lookOver();
    expect(await findings('no_owner')).toEqual(['no_owner pump-1']);
    writeFileSync(join(house.home, 'plant.csv'), 'id,owner\npump-1,power\npump-2,water\n');
    await house.gateway.operations.reconcile({ source: 'plant' });
    await lookOver();
    expect(await findings('no_owner')).toEqual([]);
  });

  it('finds whose source is configured no more, until another takes it over or somebody enters it', async () => {
    const sourceYaml = (name: string): string =>
      `${patient}\nsources: { ${name}: { kind: file, path: plant.csv, every: 365d } }`;
    house = await openHouse({
      yaml: sourceYaml('plant'),
      files: { 'plant.csv': 'id,owner\npump-1,water\npump-2,water\n' },
    });
    await house.log.until('source.reconciled', { 'nolapse.source': 'plant' });
    await lookOver();
    expect(await findings('unknown_source')).toEqual([]);
    await house.restart(() => house.configure(sourceYaml('factory')));
    await house.log.until('source.reconciled', { 'nolapse.source': 'factory' });
    await lookOver();
    expect(await findings('unknown_source')).toEqual(['unknown_source pump-1', 'unknown_source pump-2']);
    const { operations } = house.gateway;
    await operations.importDevices({ format: 'csv', text: 'id,owner\npump-2,power\n' });
    expect((await operations.showDevice({ id: 'pump-2' })).principal).toMatchObject({ owner: 'power', source: null });
    const report = await operations.reconcile({ source: 'factory', takeOverFrom: 'plant' });
    expect(report).toMatchObject({ counts: { changed: 1, conflicts: 1 }, changed: [{ id: 'pump-1' }] });
    await lookOver();
    expect(await findings('unknown_source')).toEqual([]);
  });

  it('forgets what a source found that is configured no more, and keeps what the others found', async () => {
    const sources = (...names: readonly string[]): string =>
      `${patient}\nsources: { ${names.map((name) => `${name}: { kind: file, path: plant.csv, every: 365d }`).join(', ')} }`;
    house = await openHouse({
      yaml: sources('a', 'b', 'c'),
      files: { 'plant.csv': 'id,owner\nmine-1,water\nmine-2,water\n' },
    });
    const { operations } = house.gateway;
    for (const name of ['a', 'b', 'c']) await house.log.until('source.reconciled', { 'nolapse.source': name });
    expect(await findings('not_of_source')).toHaveLength(4);
    await operations.decommissionDevice({ id: 'mine-1' });
    await operations.reconcile({ source: 'a' });
    expect(await findings('decommissioned_here')).toEqual(['decommissioned_here a/mine-1']);
    await house.restart(() => house.configure(sources('c')));
    expect(await findings('not_of_source')).toEqual(['not_of_source c/mine-1', 'not_of_source c/mine-2']);
    expect(await findings('decommissioned_here')).toEqual([]);
  });

  it('finds a device that nothing will renew', async () => {
    house = await openHouse({
      yaml: 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h, keyModes: [keygen] } }',
    });
    const pump = await house.device('pump-1');
    expect(await connackOf(house, pump, 'pump-1')).toBe(0);
    await lookOver();
    expect(await house.gateway.operations.listFindings({ kind: 'no_way_to_renew' })).toMatchObject([
      { subject: 'pump-1', detail: 'policy, device and key have no key mode in common' },
    ]);
    await house.gateway.operations.importDevices({ format: 'csv', text: 'id,owner,modes\npump-1,tests,keygen\n' });
    await lookOver();
    expect(await findings('no_way_to_renew')).toEqual([]);
  });

  it('finds a device that went back to its old certificate, until that has retired', async () => {
    house = await openHouse({ yaml: 'classes: { default: { lifetime: 1h, overlap: 10s, grace: 1h } }' });
    const old = await house.device('pump-1');
    const fresh = await renewed(house, old, 'pump-1');
    await lookOver();
    expect(await findings()).toEqual([]);
    expect(await connackOf(house, old, 'pump-1')).toBe(0);
    await vi.waitFor(async () => {
      await lookOver();
      expect(await house.gateway.operations.listFindings({ kind: 'still_on_old' })).toMatchObject([
        { subject: 'pump-1', detail: expect.stringMatching(/^certificate [0-9a-f]+ is in use after it was replaced$/) },
      ]);
    }, 60_000);
    await house.log.until('renewal.retired');
    expect(await connackOf(house, fresh, 'pump-1')).toBe(0);
    await lookOver();
    expect(await findings()).toEqual([]);
  });

  it('lists in pages, of one kind, and knows no other kinds than there are', async () => {
    house = await openHouse({ yaml: patient });
    const rows = Array.from({ length: 600 }, (_, i) => `pump-${String(i).padStart(3, '0')},tests`);
    await house.gateway.operations.importDevices({ format: 'csv', text: `id,owner\n${rows.join('\n')}\n` });
    expect(await lookOver()).toMatchObject({ never_seen: 600, no_owner: 0 });
    const { listFindings } = house.gateway.operations;
    const page = await listFindings({ kind: 'never_seen', after: 'pump-297', limit: 3 });
    expect(page.map(({ subject }) => subject)).toEqual(['pump-298', 'pump-299', 'pump-300']);
    await expect(house.gateway.operations.listFindings({ kind: 'ugly' })).rejects.toMatchObject({ code: 'invalid' });
  });
});
