// Ids as fleets have them on the real broker: MAC addresses, e-mail addresses and URNs renew like any other, and no principal gets
// at the session, queue or will of another whose id looks like its own.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { enrollmentTopic } from '../../src/domain/topics.ts';
import { openSqlite } from '../../src/store/sqlite/sqlite.ts';
import { createTestAuthority } from '../broker/test-pki.ts';
import { connackOf, connect, type House, openHouse, quickClasses } from './harness.ts';
import { renewTwice } from './simulated.ts';
import { delegate, openGateway, SiteDevice } from './site.ts';

const fleet = ['00:1A:2b:3c:4d:5e', 'pump.7@plant.example', 'urn:dev:mac:0024befffe804ff1'];

let house: House;
afterEach(() => house.close());

const refused = (id: string, clientId: string) =>
  house.log.until('admission.refused', { 'nolapse.principal': id, 'nolapse.client_id': clientId });

describe('a device renews, whole and twice', () => {
  it.each(fleet)('as %s', async (id) => {
    house = await openHouse();
    await renewTwice(house, id, await house.device(id));
  });

  it.each(fleet)('as %s behind a site gateway', async (id) => {
    house = await openHouse({ yaml: 'classes: {}' });
    const gateway = await openGateway(house, 'gw:north@site');
    const device = new SiteDevice(gateway.client, id, await house.device(id), 'cbor');
    await delegate(house, gateway.id, { devices: [id] });
    await device.report();
    await house.log.until('certificate.activated', { 'nolapse.principal': id, 'nolapse.gateway': gateway.id });
    await house.gateway.operations.runRenewal({ device: id });
    await device.renew(true);
    expect(house.log.count('renewal.activated', { 'nolapse.principal': id, 'nolapse.gateway': gateway.id })).toBe(1);
    await gateway.client.endAsync();
  });
});

describe('a stranger whom an anchor introduces', () => {
  it.each(fleet)('is expected as %s', async (id) => {
    const maker = await createTestAuthority('Maker');
    house = await openHouse({ yaml: 'bootstrap: { anchors: [maker.crt] }', files: { 'maker.crt': maker.ca } });
    await house.gateway.operations.addDevice({ id, owner: 'tests' });
    const { cert, key } = await maker.issue(id);
    expect(await connackOf(house, { certificatePem: cert, keyPem: key }, `${id}:first`)).toBe(0);
    await house.log.until('admission.admitted', { 'event.reason': 'bootstrap', 'nolapse.principal': id });
  });
});

describe('a client id', () => {
  it('belongs to the longest id in the inventory', async () => {
    house = await openHouse({ yaml: 'classes: {}' });
    const outer = await house.device('a');
    const inner = await house.device('a:b');
    for (const clientId of ['a', 'a:', 'a:x', 'a:bc', 'a:x:b']) expect(await connackOf(house, outer, clientId)).toBe(0);
    for (const clientId of ['a:b', 'a:b:', 'a:b:c']) {
      expect(await connackOf(house, outer, clientId)).toBe(2);
      await refused('a', clientId);
      expect(await connackOf(house, inner, clientId)).toBe(0);
    }
    for (const clientId of ['a', 'a:x', 'lane:a:b', 'a%3Ab', 'A:b'])
      expect(await connackOf(house, inner, clientId)).toBe(2);
  });

  it('is taken from another by a new id, with the session that was kept and the one that lives, and nothing of them is handed on', async () => {
    house = await openHouse({
      yaml: "classes: {}\naccess: { service: { publish: ['devices/#'], subscribe: ['devices/#'] } }",
    });
    const { operations } = house.gateway;
    const outer = await house.device('a');
    const service = await connect(house, await house.device('watch', { kind: 'service' }), 'watch');
    const heard: string[] = [];
    service.on('message', (topic) => heard.push(topic));
    await service.subscribeAsync('devices/a/gone', { qos: 1 });
    // One session that is away, one that lives and has a will.
    const kept = await connect(house, outer, 'a:b:away', { clean: false });
    await kept.subscribeAsync('devices/a/#', { qos: 1 });
    await kept.endAsync();
    await service.publishAsync('devices/a/order', 'for a', { qos: 1 });
    const will = { topic: 'devices/a/gone', payload: Buffer.from('x'), qos: 1 as const, retain: false };
    const live = await connect(house, outer, 'a:b', { clean: false, will });
    live.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => live.once('close', () => resolve()));

    await operations.addDevice({ id: 'a:b', owner: 'tests', force: true, reason: 'a calls it a:c now' });
    await house.log.until('session.ended', { 'event.reason': 'client_id_taken', 'nolapse.client_id': 'a:b' });
    await closed;
    await expect.poll(() => heard).toEqual(['devices/a/gone']);
    await house.log.until('device.changed', { 'nolapse.principal': 'a', 'log.level': 'warn' });
    expect(await connackOf(house, outer, 'a:b')).toBe(2);
    expect(await connackOf(house, outer, 'a:b:away', { clean: false })).toBe(2);

    const inner = await operations.issueDevice({ id: 'a:b' });
    for (const clientId of ['a:b', 'a:b:away']) {
      const got: string[] = [];
      const client = await connect(house, inner, clientId, { clean: false });
      client.on('message', (topic) => got.push(topic));
      // What was queued, subscribed or left for the other would come before this.
      await client.subscribeAsync('devices/a:b/#', { qos: 1 });
      await service.publishAsync('devices/a/order', 'for a', { qos: 1 });
      await service.publishAsync('devices/a:b/order', 'for a:b', { qos: 1 });
      await expect.poll(() => got).toEqual(['devices/a:b/order']);
      await client.endAsync();
    }
    expect(heard).toEqual(['devices/a/gone']);
    await service.endAsync();
    const ledger = await storedSessions();
    expect(ledger).not.toContain('a:b');
    expect(ledger).not.toContain('a:b:away');
  });

  it('keeps sessions apart that were stored before the longer id was there, also when it was added while no broker ran', async () => {
    house = await openHouse({ yaml: 'classes: {}' });
    const outer = await house.device('a');
    const kept = await connect(house, outer, 'a:b', { clean: false });
    await kept.subscribeAsync('devices/a/#', { qos: 1 });
    await kept.endAsync();
    await house.restart(() => {
      const ledger = openSqlite(join(house.home, 'nolapse.db'));
      const columns = (ledger.pragma('table_info(principal)') as { name: string }[]).map(({ name }) => name);
      const others = columns.filter((name) => name !== 'id').join(', ');
      ledger.exec(`INSERT INTO principal (id, ${others}) SELECT 'a:b', ${others} FROM principal WHERE id = 'a'`);
      ledger.close();
    });
    const inner = await house.gateway.operations.issueDevice({ id: 'a:b' });
    const client = await connect(house, inner, 'a:b', { clean: false });
    await client.subscribeAsync('devices/a:b/#', { qos: 1 });
    await client.endAsync();
    expect((await storedSessions()).sort()).toEqual(['a%3Ab', 'a:b']);
    expect(await connackOf(house, outer, 'a:b')).toBe(2);
  });

  it('is assigned to a client without one, in both lanes', async () => {
    house = await openHouse({ yaml: quickClasses });
    const id = fleet[0] ?? '';
    const device = await house.device(id);
    expect(await connackOf(house, device, '', { clean: true })).toBe(0);
    const line = await house.log.until('admission.admitted', { 'nolapse.principal': id });
    expect(line['nolapse.client_id']).toMatch(new RegExp(`^${id}:~[0-9a-f]{32}$`));
  });

  it('opens enrollment topics of its own principal alone', async () => {
    house = await openHouse({ yaml: 'classes: {}' });
    const outer = await connect(house, await house.device('a'), 'a:x');
    await house.device('a:b');
    const granted = await outer
      .subscribeAsync([enrollmentTopic('a' as never, 'offer'), '$enroll/1/a:b/+'])
      .catch((error) => error);
    expect(JSON.stringify(granted)).toContain('128');
    await outer.publishAsync('$enroll/1/a:b/hello', '{}', { qos: 1 });
    await house.log.until('access.denied', { 'nolapse.principal': 'a', 'nolapse.topic': '$enroll/1/a:b/hello' });
    await outer.endAsync();
  });
});

describe('ids that differ by case alone', () => {
  const owner = 'tests';

  it('are refused by hand and from a file, and both are named', async () => {
    house = await openHouse({ yaml: 'classes: {}' });
    const { operations } = house.gateway;
    await operations.addDevice({ id: 'AA:bb', owner });
    await expect(operations.addDevice({ id: 'aa:BB', owner })).rejects.toMatchObject({
      code: 'conflict',
      faults: ['id: aa:BB differs from AA:bb by case alone'],
    });
    const text = 'id,owner\nnew-1,tests\nAA:BB,tests\nNEW-1,tests\nAA:bb,others\n';
    await expect(operations.importDevices({ format: 'csv', text })).rejects.toMatchObject({
      code: 'invalid',
      faults: [
        'line 3: id: AA:BB differs from AA:bb by case alone',
        'line 4: id: NEW-1 differs from new-1 by case alone',
      ],
    });
    expect((await operations.listDevices({})).map(({ id }) => id)).toEqual(['AA:bb']);
  });

  it('are refused from a source', async () => {
    house = await openHouse({
      yaml: 'classes: {}\nsources: { crm: { kind: file, path: crm.csv, every: 1h } }',
      files: { 'crm.csv': 'id,owner\naa:bb,x\n' },
    });
    const { operations } = house.gateway;
    await house.log.until('source.reconciled');
    await expect(operations.addDevice({ id: 'AA:BB', owner })).rejects.toMatchObject({ code: 'conflict' });
    writeFileSync(join(house.home, 'crm.csv'), 'id,owner\naa:bb,x\nAA:bb,x\ncc,x\nCC,x\n');
    await expect(operations.reconcile({ source: 'crm' })).rejects.toMatchObject({
      code: 'invalid',
      faults: ['id: AA:bb differs from aa:bb by case alone', 'id: CC differs from cc by case alone'],
    });
    expect((await operations.listDevices({})).map(({ id }) => id)).toEqual(['aa:bb']);
  });

  it('keep working where they are, and doctor names them', async () => {
    house = await openHouse({ yaml: 'classes: {}' });
    const pump = await house.device('pump');
    await house.device('other');
    await house.restart(() => {
      const ledger = openSqlite(join(house.home, 'nolapse.db'));
      ledger.pragma('foreign_keys = OFF');
      ledger.exec(
        "UPDATE principal SET id = 'Pump' WHERE id = 'other'; UPDATE certificate SET principal_id = 'Pump' WHERE principal_id = 'other'",
      );
      ledger.close();
    });
    const { operations } = house.gateway;
    expect(await connackOf(house, pump, 'pump')).toBe(0);
    const text = 'id,owner\npump,a\nPump,b\n';
    expect(await operations.importDevices({ format: 'csv', text })).toMatchObject({ added: 0, updated: 2 });
    const findings = await operations.doctor();
    expect(findings.filter(({ subject }) => subject === 'ids')).toMatchObject([
      { level: 'warning', detail: expect.stringContaining('Pump and pump differ by case alone') },
    ]);
  });
});

/** The names of sessions that have subscriptions in the store, read while the broker does not run. */
async function storedSessions(): Promise<string[]> {
  let names: string[] = [];
  await house.restart(() => {
    const ledger = openSqlite(join(house.home, 'nolapse.db'), { readonly: true });
    names = (ledger.prepare('SELECT DISTINCT client_id FROM mqtt_subscription').all() as { client_id: string }[]).map(
      ({ client_id }) => client_id,
    );
    ledger.close();
  });
  return names;
}
