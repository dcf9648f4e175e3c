// A fleet whose certificates another CA issued is taken over: known to the ledger, its devices come in as ever, by their certificates'
// bytes alone, and get one of ours at their time.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { readCrl } from '../../src/pki/crl.ts';
import { sequence } from '../../src/pki/der.ts';
import { extendedKeyUsage, uriName } from '../../src/pki/extensions.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { openSqlite } from '../../src/store/sqlite/sqlite.ts';
import { ecKey, OtherCa, type OtherCertificate } from '../pki/made.ts';
import { connackOf, connect, type House, newRequest, openHouse, pemOf, quickClasses, Speaker } from './harness.ts';

const hour = 3_600_000;
const patient = 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }';
const ca = new OtherCa('Old Waterworks', Date.now() + 1_000 * hour);

let house: House;
afterEach(() => house.close());

async function open(yaml: string, ...ids: string[]): Promise<void> {
  house = await openHouse({ yaml });
  for (const id of ids) await house.gateway.operations.addDevice({ id, owner: 'tests' });
}

/** In use for half an hour, and for another hour and a half to come. */
const inUse = () => ({ notBefore: Date.now() - hour / 2, notAfter: Date.now() + 1.5 * hour });

type Files = Readonly<Record<string, OtherCertificate | Uint8Array | string>>;

/** As the command line sends it: a row for each certificate, or for what is wrong with its file. */
function rowsOf(files: Files): string {
  const rows = Object.entries(files).map(([file, content]) => {
    if (typeof content === 'string') return { file, fault: content };
    const der = content instanceof Uint8Array ? content : content.der;
    return { file, certificate: Buffer.from(der).toString('base64') };
  });
  return rows.map((row) => JSON.stringify(row)).join('\n');
}

const importing = (files: Files, kind?: 'device' | 'gateway') =>
  house.gateway.operations.importCertificates({ text: rowsOf(files), ...(kind && { kind }) });
const shown = (id: string) => house.gateway.operations.showDevice({ id });
const statesOf = async (id: string) => (await shown(id)).certificates.map(({ state }) => state);

describe("another CA's certificate", () => {
  it('is refused before it is in the ledger, and admitted by its bytes once it is', async () => {
    await open(patient, 'pump-1', 'pump-2');
    const pump = ca.issue('pump-1', inUse());
    expect(await connackOf(house, pump, 'pump-1')).toBe(5);
    expect(await importing({ 'pump-1.pem': pump })).toEqual({ imported: 1, known: 0 });
    const client = await connect(house, pump, 'pump-1');
    await client.subscribeAsync('devices/pump-1/#');
    await client.endAsync();
    await house.log.until('admission.admitted', { 'nolapse.lane': 'full', 'nolapse.principal': 'pump-1' });
    // Nothing else that the CA signs is let in by that.
    expect(await connackOf(house, ca.issue('pump-1', inUse()), 'pump-1')).toBe(5);
    expect(await connackOf(house, ca.issue('pump-2', inUse()), 'pump-2')).toBe(5);
    const [certificate] = (await shown('pump-1')).certificates;
    expect(certificate).toMatchObject({ state: 'active', renewalId: null, revokedAt: null });
    expect(certificate?.renewAt).toBeGreaterThan(Date.now());
    expect(certificate?.renewAt).toBeLessThan((certificate?.notBefore ?? 0) + 2 * hour);
  });

  it('is replaced by ours at its time, and retires when its overlap has ended', async () => {
    await open(quickClasses, 'pump-1');
    const pump = ca.issue('pump-1', { notBefore: Date.now() - 1_000, notAfter: Date.now() + 40_000 });
    await importing({ 'pump-1.pem': pump });
    const old = await new Speaker(await connect(house, pump, 'pump-1'), 'pump-1').listen();
    await old.say({ word: 'hello', maxPacket: 4_096 });
    const { renewal, mode } = await old.next('offer');
    expect(mode).toBe('csr');
    const { csr, keyPem } = await newRequest('pump-1');
    await old.say({ word: 'csr', renewal, csr });
    const { certificates } = await old.next('cert');
    await old.say({ word: 'ack', renewal, status: 'installed' });
    const ours = { certificatePem: pemOf(certificates.slice(0, 1)), keyPem };
    const client = await connect(house, ours, 'pump-1');
    await house.log.until('renewal.activated');
    expect(await statesOf('pump-1')).toEqual(['active', 'superseded']);
    expect(await connackOf(house, pump, 'pump-1')).toBe(0);
    await house.log.until('renewal.retired');
    expect(await statesOf('pump-1')).toEqual(['active', 'retired']);
    expect(await connackOf(house, pump, 'pump-1')).toBe(5);
    // Handed in once more, it stays what it is.
    expect(await importing({ 'pump-1.pem': pump })).toEqual({ imported: 0, known: 1 });
    expect(await statesOf('pump-1')).toEqual(['active', 'retired']);
    await Promise.all([client.endAsync(true), old.client.endAsync(true)]);
  });

  it('is refused once it is revoked here, although only its own CA could list it', async () => {
    await open(patient, 'pump-1', 'pump-2');
    const { operations } = house.gateway;
    const pump = ca.issue('pump-1', inUse());
    await importing({ 'pump-1.pem': pump });
    const ours = await operations.issueDevice({ id: 'pump-2' });
    const client = await connect(house, pump, 'pump-1');
    const ended = new Promise<void>((resolve) => client.once('close', () => resolve()));
    const [certificate] = (await shown('pump-1')).certificates;
    expect(certificate?.serial).toMatch(/^[0-9a-f]{2}@[0-9a-f]{16}$/);
    const { certificate: known } = await operations.showCertificate({ id: certificate?.serial ?? '' });
    expect(known.principalId).toBe('pump-1');
    await operations.revokeCertificate({ id: certificate?.serial ?? '', reason: 'keyCompromise' });
    await ended;
    expect(await connackOf(house, pump, 'pump-1')).toBe(5);
    await operations.revokeCertificate({ id: ours.certificate.serial, reason: 'keyCompromise' });
    await house.log.until('crl.published', { 'nolapse.crl.entries': 1 });
    const der = new Uint8Array(readFileSync((await operations.crl()).file));
    const [issuing] = pemToDer(ours.certificatePem, 'CERTIFICATE')?.slice(1) ?? [];
    if (!issuing) throw new Error('no issuing CA');
    expect(readCrl(der, issuing).revoked.map(({ serial }) => serial)).toEqual([ours.certificate.serial]);
  });

  it('is let in to renew and for nothing else, once it has expired within grace', async () => {
    await open(patient, 'pump-1');
    const late = ca.issue('pump-1', { notBefore: Date.now() - 2 * hour, notAfter: Date.now() - hour / 2 });
    await importing({ 'pump-1.pem': late });
    const speaker = await new Speaker(await connect(house, late, 'pump-1'), 'pump-1').listen();
    await house.log.until('admission.admitted', { 'nolapse.lane': 'renew-only' });
    await speaker.say({ word: 'hello', maxPacket: 4_096 });
    const { renewal } = await speaker.next('offer');
    const { csr, keyPem } = await newRequest('pump-1');
    await speaker.say({ word: 'csr', renewal, csr });
    const { certificates } = await speaker.next('cert');
    const ours = { certificatePem: pemOf(certificates.slice(0, 1)), keyPem };
    expect(await connackOf(house, ours, 'pump-1')).toBe(0);
    await house.log.until('renewal.retired');
    expect(await statesOf('pump-1')).toEqual(['active', 'retired']);
    await speaker.client.endAsync(true);
  });

  it('may have the serial number of a third CA', async () => {
    await open(patient, 'pump-1', 'pump-2');
    const third = new OtherCa('Third Party', Date.now() + 1_000 * hour);
    const fresh = new OtherCa('Old Waterworks', Date.now() + 1_000 * hour);
    const one = third.issue('pump-1', inUse());
    const two = fresh.issue('pump-2', inUse());
    expect(await importing({ 'one.der': one, 'two.der': two })).toEqual({ imported: 2, known: 0 });
    const serials = await Promise.all(
      ['pump-1', 'pump-2'].map(async (id) => (await shown(id)).certificates[0]?.serial),
    );
    expect(serials.map((serial) => serial?.split('@')[0])).toEqual(['02', '02']);
    expect(serials[0]).not.toBe(serials[1]);
  });

  it('names its device by our URI before its common name, which is then a finding', async () => {
    await open(patient, 'pump-1');
    const pump = ca.issue('Pumpe 1', inUse(), { extensions: [uriName('urn:nolapse:device:pump-1')] });
    await importing({ 'pump-1.pem': pump });
    expect(await connackOf(house, pump, 'pump-1')).toBe(0);
    await vi.waitFor(async () => expect((await shown('pump-1')).contact?.lastSeenAt).toBeGreaterThan(0), 60_000);
    await house.gateway.operations.lookOver();
    const found = await house.gateway.operations.listFindings({});
    expect(found.map(({ kind, subject }) => [kind, subject])).toEqual([
      ['name_mismatch', 'pump-1'],
      ['validity_beyond_policy', 'pump-1'],
    ]);
    expect(found[0]?.detail).toContain('Pumpe 1');
  });

  it.each([
    ['as it is', 'urn:nolapse:device:pump:1@x'],
    ['escaped', 'urn:nolapse:device:pump%3A1%40x'],
  ])(
    'names its device by the whole id in our URI, %s, and nobody whose id is the beginning of it',
    async (_how, uri) => {
      await open(patient, 'pump', 'pump:1@x');
      const pump = ca.issue('pump', inUse(), { extensions: [uriName(uri)] });
      await importing({ 'pump.pem': pump });
      expect(await connackOf(house, pump, 'pump:1@x')).toBe(0);
      expect((await shown('pump')).certificates).toEqual([]);
    },
  );

  it('is one of ours again when it is of our own CA, and the ledger had lost it', async () => {
    await open(patient, 'pump-1');
    const ours = await house.gateway.operations.issueDevice({ id: 'pump-1' });
    await house.restart(() => {
      const ledger = openSqlite(join(house.home, 'nolapse.db'));
      ledger.prepare('DELETE FROM certificate').run();
      ledger.close();
    });
    expect(await connackOf(house, ours, 'pump-1')).toBe(5);
    const [der] = pemToDer(ours.certificatePem, 'CERTIFICATE') ?? [];
    expect(await importing({ 'pump-1.crt': der ?? new Uint8Array() })).toEqual({ imported: 1, known: 0 });
    expect(await connackOf(house, ours, 'pump-1')).toBe(0);
    expect((await shown('pump-1')).certificates.map(({ serial }) => serial)).toEqual([ours.certificate.serial]);
  });
});

describe('an import', () => {
  it('of faulty files is refused whole, with every fault by its file', async () => {
    await open(patient, 'pump-1', 'pump-2', 'pump-3');
    await house.gateway.operations.decommissionDevice({ id: 'pump-3' });
    await house.gateway.operations.addDevice({ id: 'gw-1', owner: 'tests', kind: 'gateway' });
    const good = ca.issue('pump-1', inUse());
    const over = { notBefore: Date.now() - 9 * hour, notAfter: Date.now() - 2 * hour };
    const servers = [extendedKeyUsage(['serverAuth'])];
    const refused = importing(
      {
        'good.pem': good,
        'cut.der': good.der.subarray(0, -1),
        'text.pem': 'it contains something that is not a PEM certificate: a key, or a broken block',
        'nobody.pem': ca.issue('pump-9', inUse()),
        'gone.pem': ca.issue('pump-3', inUse()),
        'odd.pem': ca.issue('Pump No. 4 / North', inUse()),
        'unnamed.pem': ca.issue('', inUse(), { subject: sequence() }),
        'over.pem': ca.issue('pump-2', over),
        'server.pem': ca.issue('pump-2', inUse(), { extensions: servers }),
        'gateway.pem': ca.issue('gw-1', inUse()),
        'other-kind.pem': ca.issue('x', inUse(), { extensions: [uriName('urn:nolapse:service:pump-2')] }),
        'ca.pem': ca.der,
      },
      'device',
    );
    await expect(refused).rejects.toMatchObject({
      code: 'invalid',
      faults: [
        expect.stringMatching(/^cut\.der: it is no X\.509 certificate/),
        'text.pem: it contains something that is not a PEM certificate: a key, or a broken block',
        'nobody.pem: it names pump-9, which is not in the inventory',
        'gone.pem: it names pump-3, which is decommissioned',
        'odd.pem: it names "Pump No. 4 / North", which is not a valid id: say whose it is with --map',
        'unnamed.pem: it has no common name, or several, and no URI of ours',
        expect.stringMatching(/^over\.pem: it ended .*, and grace with it$/),
        'server.pem: it is not for TLS clients',
        'gateway.pem: it names gw-1, which is a gateway and no device',
        'other-kind.pem: it names pump-2, which is a device and no service',
        'ca.pem: nothing but certificates of CAs',
      ],
    });
    expect(await statesOf('pump-1')).toEqual([]);
    expect(await connackOf(house, good, 'pump-1')).toBe(5);
  });

  it('takes a certificate that comes twice once, and its CA along with it not at all', async () => {
    await open(patient, 'pump-1');
    const pump = ca.issue('pump-1', inUse());
    const text = [rowsOf({ 'bundle.pem': pump }), rowsOf({ 'bundle.pem': ca.der }), rowsOf({ 'copy.pem': pump })].join(
      '\n',
    );
    expect(await house.gateway.operations.importCertificates({ text })).toEqual({
      imported: 1,
      known: 0,
      passedOver: { count: 1, unrelatedCount: 0, unrelated: [] },
    });
    expect(await statesOf('pump-1')).toEqual(['active']);
    expect(await importing({ 'pump-1.pem': pump })).toEqual({ imported: 0, known: 1 });
  });

  it('of two certificates of one device lets in both, and says so', async () => {
    await open(patient, 'pump-1', 'pump-2');
    const key = ecKey();
    const files = { 'old.pem': ca.issue('pump-1', inUse(), { key }), 'new.pem': ca.issue('pump-1', inUse()) };
    await importing({ ...files, 'clone.pem': ca.issue('pump-2', inUse(), { key }) });
    for (const each of Object.values(files)) expect(await connackOf(house, each, 'pump-1')).toBe(0);
    await house.gateway.operations.lookOver();
    const found = await house.gateway.operations.listFindings({});
    const named = found.map(({ kind, subject }) => `${kind} ${subject}`);
    expect(named).toContain('several_active pump-1');
    expect(named).toContain('shared_key pump-1');
    expect(named).toContain('shared_key pump-2');
  });

  it('keeps an anchor from introducing somebody else in the name of its device', async () => {
    const factory = new OtherCa('Factory', Date.now() + 1_000 * hour);
    house = await openHouse({
      yaml: `${patient}\nbootstrap: { anchors: [factory.pem] }`,
      files: { 'factory.pem': pemOf([factory.der]) },
    });
    await house.gateway.operations.addDevice({ id: 'pump-1', owner: 'tests' });
    const first = factory.issue('pump-1', inUse());
    await importing({ 'pump-1.pem': first });
    expect(await connackOf(house, factory.issue('pump-1', inUse()), 'pump-1')).toBe(5);
    expect(await connackOf(house, first, 'pump-1')).toBe(0);
  });
});
