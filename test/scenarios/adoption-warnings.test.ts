// What an import says of certificates that it takes, or passes over, and that will not do what their owner expects: each note about a
// key is held against what this broker's TLS does with it.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { IClientOptions } from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { nameOf } from '../../src/pki/certificate.ts';
import { bitString, octetString, oid, sequence, time } from '../../src/pki/der.ts';
import { caConstraints } from '../../src/pki/extensions.ts';
import { oids } from '../../src/pki/oids.ts';
import { tlsObjection } from '../../src/pki/tls-key.ts';
import { ecKey, type OtherCertificate, rsaKey, spkiOf } from '../pki/made.ts';
import { integerOf, type OddParts, oddCertificate } from '../pki/odd.ts';
import { connackOf, type House, openHouse } from './harness.ts';

const hour = 3_600_000;
let house: House;
afterEach(() => house.close());

async function open(...ids: string[]): Promise<void> {
  house = await openHouse({ yaml: 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }' });
  for (const id of ids) await house.gateway.operations.addDevice({ id, owner: 'tests' });
}

type Row = { readonly file: string; readonly der: Uint8Array; readonly id?: string; readonly mapLine?: number };
const importing = (rows: readonly Row[], more: { readonly skipFaulty?: true } = {}) => {
  const lines = rows.map(({ der, ...row }) =>
    JSON.stringify({ ...row, certificate: Buffer.from(der).toString('base64') }),
  );
  return house.gateway.operations.importCertificates({ text: lines.join('\n'), ...more });
};

/** A client that signs with whatever it has, as small stacks do. */
const willing = (version: 'TLSv1.2' | 'TLSv1.3') =>
  ({ ciphers: 'ALL:@SECLEVEL=0', minVersion: version, maxVersion: version }) as IClientOptions;
const isAdmitted = async (certificate: OtherCertificate, version: 'TLSv1.2' | 'TLSv1.3') =>
  (await connackOf(house, certificate, 'dev-1', willing(version))) === 0;

describe('a key', () => {
  const explicit = () => generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).privateKey;
  const dsa = () => generateKeyPairSync('dsa', { modulusLength: 2_048, divisorLength: 256 }).privateKey;
  const pss = () => generateKeyPairSync('rsa-pss', { modulusLength: 2_048 }).privateKey;
  const cubed = () => generateKeyPairSync('rsa', { modulusLength: 2_048, publicExponent: 3 }).privateKey;
  it.each<[string, () => KeyObject, boolean, boolean, string | null]>([
    ['P-256', () => ecKey(), true, true, null],
    ['P-521', () => ecKey('P-521'), true, true, null],
    ['P-256 that is written out', explicit, true, true, null],
    ['Ed25519', () => generateKeyPairSync('ed25519').privateKey, true, true, null],
    ['Ed448', () => generateKeyPairSync('ed448').privateKey, true, true, null],
    ['RSA 1024', () => rsaKey(1_024), true, true, null],
    ['RSA with the exponent 3', cubed, true, true, null],
    ['RSA-PSS', pss, true, true, null],
    ['RSA 512', () => rsaKey(512), true, false, 'of RSA 512, which TLS 1.2 alone takes'],
    ['DSA', dsa, true, false, 'of DSA, which TLS 1.2 alone takes'],
    ['secp256k1', () => ecKey('secp256k1'), false, false, 'on the curve secp256k1, with which TLS refuses it'],
    ['P-224', () => ecKey('secp224r1'), false, false, 'on the curve secp224r1, with which TLS refuses it'],
  ])('of %s is noted as TLS takes it', async (_name, makeKey, takes12, takes13, objection) => {
    await open('dev-1');
    const key = makeKey();
    expect(tlsObjection(spkiOf(key))).toBe(objection);
    const certificate = oddCertificate('dev-1', { key });
    const { notes = [] } = await importing([{ file: 'dev.crt', der: certificate.der }]);
    const about = notes.filter((note) => note.includes('TLS'));
    expect(about).toEqual(
      objection === null ? [] : [expect.stringContaining(`dev.crt: dev-1: it has a key ${objection}`)],
    );
    expect([await isAdmitted(certificate, 'TLSv1.2'), await isAdmitted(certificate, 'TLSv1.3')]).toEqual([
      takes12,
      takes13,
    ]);
  });

  it('on a Brainpool curve is noted: TLS 1.2 refuses it', async () => {
    await open('dev-1');
    const certificate = oddCertificate('dev-1', { key: ecKey('brainpoolP256r1') });
    const { notes } = await importing([{ file: 'dev.crt', der: certificate.der }]);
    expect(notes?.at(-1)).toContain('brainpoolP256r1, with which TLS 1.2 refuses it');
    expect(await isAdmitted(certificate, 'TLSv1.2')).toBe(false);
  });

  it('that no client could sign with is noted', async () => {
    await open('dev-1');
    const x25519 = spkiOf(generateKeyPairSync('x25519').privateKey);
    const none = sequence(sequence(Uint8Array.of(6, 2, 0x2a, 3)), bitString(Uint8Array.of(1)));
    const rows = [x25519, none].map((spki, at) => ({ file: `${at}.crt`, der: oddCertificate('dev-1', { spki }).der }));
    expect((await importing(rows)).notes).toEqual(
      expect.arrayContaining([
        expect.stringContaining('x25519, which cannot sign'),
        expect.stringContaining('that OpenSSL cannot read'),
      ]),
    );
  });
});

it('a certificate signed with SHA-1 is admitted: who signed it, and how, is not asked', async () => {
  await open('dev-1');
  const certificate = oddCertificate('dev-1', { digest: 'sha1' });
  expect(await importing([{ file: 'dev.crt', der: certificate.der }])).toEqual({ imported: 1, known: 0 });
  expect(await isAdmitted(certificate, 'TLSv1.2')).toBe(true);
  expect(await isAdmitted(certificate, 'TLSv1.3')).toBe(true);
});

describe('a time', () => {
  const lasting = (from: number, to: number): OddParts => ({
    validity: [time(Date.now() + from), time(Date.now() + to)],
  });
  const rowFor = (parts: OddParts) => [{ file: 'dev.crt', der: oddCertificate('dev-1', parts).der }];

  it('to begin that is yet to come is noted', async () => {
    await open('dev-1');
    const { imported, notes } = await importing(rowFor(lasting(2 * hour, 9 * hour)));
    expect([imported, notes]).toEqual([
      1,
      [expect.stringMatching(/^dev\.crt: dev-1: it begins .*refused until then$/)],
    ]);
  });

  it('that has ended within grace is noted', async () => {
    await open('dev-1');
    const { imported, notes } = await importing(rowFor(lasting(-9 * hour, -hour / 2)));
    expect([imported, notes]).toEqual([
      1,
      [expect.stringMatching(/^dev\.crt: dev-1: it ended .*for nothing else, until /)],
    ]);
  });

  it('to begin after the end is a fault', async () => {
    await open('dev-1');
    const { imported, faulty } = await importing(rowFor(lasting(9 * hour, 2 * hour)), { skipFaulty: true });
    expect([imported, faulty]).toEqual([0, [expect.stringMatching(/^dev\.crt: it begins .* ended before that/)]]);
  });
});

it('a device in quarantine is noted', async () => {
  await open('dev-1');
  await house.gateway.operations.quarantineDevice({ id: 'dev-1' });
  const { notes } = await importing([{ file: 'dev.crt', der: oddCertificate('dev-1').der }]);
  expect(notes).toEqual(['dev.crt: dev-1: it is refused until its device is released from quarantine']);
});

it('a certificate that OpenSSL does not read is a fault, though a map says whose it is', async () => {
  await open('dev-1');
  const subject = sequence(Uint8Array.of(0x31, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55, 0x04, 0x03, 0x04, 0x03, 1, 2, 3));
  const rows = [{ file: 'dev.crt', der: oddCertificate('dev-1', { subject }).der, id: 'dev-1' }];
  expect((await importing(rows, { skipFaulty: true })).faulty).toEqual([
    expect.stringContaining('cannot be read by OpenSSL'),
  ]);
});

it('a serial number that is too long is a fault that says what to do', async () => {
  await open('dev-1');
  const { der } = oddCertificate('dev-1', { serial: integerOf(...Array<number>(100).fill(1)) });
  const { faulty } = await importing([{ file: 'dev.crt', der }], { skipFaulty: true });
  expect(faulty).toEqual([
    expect.stringMatching(/^dev\.crt: .*serial number of 100 octets, 1 to 64 are read: its device needs another/),
  ]);
});

describe('an extension that cannot be read', () => {
  const broken = sequence(oid(oids.subjectAltName), octetString(Buffer.from('no DER')));

  it('is noted, and named where nothing else says whose the certificate is', async () => {
    await open('dev-1');
    const nameless = oddCertificate('', { subject: sequence(), extensions: [broken] });
    const rows = [
      { file: 'dev.crt', der: oddCertificate('dev-1', { extensions: [broken] }).der },
      { file: 'nameless.crt', der: nameless.der },
      { file: 'mapped.crt', der: nameless.der, id: 'dev-1' },
    ];
    const said = 'dev-1: it has extensions that cannot be read (subjectAltName): they count for nothing';
    expect(await importing(rows, { skipFaulty: true })).toEqual({
      imported: 2,
      known: 0,
      notes: [`dev.crt: ${said}`, `mapped.crt: ${said}`],
      faulty: [
        expect.stringMatching(
          /^nameless\.crt: it has no common name.*in it: subjectAltName\. Say whose it is with --map$/,
        ),
      ],
    });
  });
});

describe('a map that contradicts the ledger', () => {
  it('is a fault that names its line and whose the certificate is', async () => {
    await open('dev-1', 'dev-2');
    const { der } = oddCertificate('dev-1');
    const good = { file: 'good.crt', der: oddCertificate('dev-2').der };
    expect(await importing([{ file: 'dev.crt', der }])).toMatchObject({ imported: 1 });
    const rows = [{ file: 'dev.crt', der, id: 'dev-2', mapLine: 3 }, good];
    const fault = expect.stringMatching(
      /^dev\.crt: it is mapped by line 3 to dev-2, but the ledger has it as dev-1's, active: /,
    );
    await expect(importing(rows)).rejects.toMatchObject({ code: 'invalid', faults: [fault] });
    expect(await importing(rows, { skipFaulty: true })).toEqual({ imported: 1, known: 0, faulty: [fault] });
    const { certificates } = await house.gateway.operations.showDevice({ id: 'dev-1' });
    expect(certificates).toHaveLength(1);
    // One that agrees with it changes nothing.
    expect(await importing([{ file: 'dev.crt', der, id: 'dev-1', mapLine: 2 }])).toEqual({ imported: 0, known: 1 });
  });
});

describe('certificates of CAs', () => {
  const ca = (name: string, issuer = name) =>
    oddCertificate(name, { issuer: nameOf(issuer), extensions: [caConstraints(0)] }).der;

  it('are counted each once, and named where they issued none of the others', async () => {
    await open('dev-1', 'dev-2');
    const [root, between, stranger] = [ca('Root'), ca('Between', 'Root'), ca('pump of nobody')];
    const leaf = (id: string) => oddCertificate(id, { issuer: nameOf('Between') }).der;
    const bundle = (file: string, ...ders: Uint8Array[]) => ders.map((der) => ({ file, der }));
    const done = await importing([
      ...bundle('one.pem', leaf('dev-1'), between, root, stranger),
      ...bundle('two.pem', leaf('dev-2'), between, root),
    ]);
    expect(done).toEqual({
      imported: 2,
      known: 0,
      passedOver: {
        count: 3,
        unrelatedCount: 1,
        unrelated: [expect.stringMatching(/^one\.pem: "CN=pump of nobody", a self-signed CA, SHA-256 [0-9a-f]{64}$/)],
      },
    });
  });

  it('are named in a list of bounded length', async () => {
    await open('dev-1');
    const many = Array.from({ length: 250 }, (_, at) => ({ file: 'all.pem', der: ca(`CA ${at}`) }));
    const { passedOver } = await importing([{ file: 'all.pem', der: oddCertificate('dev-1').der }, ...many]);
    expect(passedOver).toMatchObject({ count: 250, unrelatedCount: 250 });
    expect(passedOver?.unrelated).toHaveLength(201);
    expect(passedOver?.unrelated.at(-1)).toBe('and 50 more certificates');
  });
});
