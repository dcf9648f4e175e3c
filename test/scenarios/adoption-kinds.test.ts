// Certificates of a real fleet: whatever other CAs wrote, what TLS lets through is admitted, and each is told apart from the rest.
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import type { CertificateFiles } from '../../src/app/views/certificates.ts';
import { nameOf } from '../../src/pki/certificate.ts';
import { bitString, derTrue, encode, octetString, oid, sequence, set, tags } from '../../src/pki/der.ts';
import { caConstraints } from '../../src/pki/extensions.ts';
import { oids } from '../../src/pki/oids.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { ecKey, type OtherCertificate, spkiOf } from '../pki/made.ts';
import { integerOf, longLength, longTime, oddCertificate, readsShortTimes, utcTime } from '../pki/odd.ts';
import { connackOf, type House, openHouse } from './harness.ts';

const yaml = 'classes: { default: { lifetime: 1h, renewAt: 66%, overlap: 10m, grace: 1h } }';
let house: House;
afterEach(() => house.close());

async function open(...ids: string[]): Promise<void> {
  house = await openHouse({ yaml });
  for (const id of ids) await house.gateway.operations.addDevice({ id, owner: 'tests' });
}

type Row = { readonly file: string; readonly der: Uint8Array; readonly id?: string };
const importing = (rows: readonly Row[], more: Omit<CertificateFiles, 'text'> = {}) => {
  const lines = rows.map(({ file, der, id }) =>
    JSON.stringify({ file, certificate: Buffer.from(der).toString('base64'), ...(id && { id }) }),
  );
  return house.gateway.operations.importCertificates({ text: lines.join('\n'), ...more });
};
const certificatesOf = async (id: string) => (await house.gateway.operations.showDevice({ id })).certificates;

const begin = utcTime('260101000000Z');
const part = (type: string, tag: number, bytes: Uint8Array) => set(sequence(oid(type), encode(tag, bytes)));
const flagged = (octet: number) =>
  sequence(oid('1.2.3.4'), encode(tags.boolean, Uint8Array.of(octet)), octetString(new Uint8Array()));

function compressed(): { key: ReturnType<typeof ecKey>; spki: Uint8Array } {
  const key = ecKey();
  const whole = spkiOf(key);
  const point = Buffer.concat([Uint8Array.of(2 + ((whole.at(-1) ?? 0) & 1)), whole.subarray(27, 59)]);
  return { key, spki: sequence(sequence(oid(oids.ecPublicKey), oid(oids.p256)), bitString(point)) };
}

/** 2.25 and a UUID in one arc. */
const longArc = Buffer.from('06146983f09da7ebcfdee0c7a1a7b2c0948cc8f9d776', 'hex');

const kinds: Readonly<Record<string, OtherCertificate>> = {
  negative: oddCertificate('negative', { serial: integerOf(0xff) }),
  zero: oddCertificate('zero', { serial: integerOf(0) }),
  'zero-too': oddCertificate('zero-too', { serial: integerOf(0) }),
  lengthy: oddCertificate('lengthy', { serial: integerOf(...Array<number>(30).fill(0x11)) }),
  t61: oddCertificate('t61', { subject: sequence(part(oids.commonName, 0x14, Buffer.from('t61'))) }),
  bmp: oddCertificate('bmp', { subject: sequence(part(oids.commonName, 0x1e, Buffer.from('\0b\0m\0p'))) }),
  boolean: oddCertificate('boolean', { extensions: [flagged(1)] }),
  critical: oddCertificate('critical', { extensions: [flagged(0xff)] }),
  twice: oddCertificate('twice', { extensions: [flagged(0), flagged(0)] }),
  v1: oddCertificate('v1', { version: null }),
  general: oddCertificate('general', { validity: [begin, longTime('20300101000000Z')] }),
  forever: oddCertificate('forever', { validity: [begin, longTime('99991231235959Z')] }),
  'SN-0042': oddCertificate('', { subject: sequence(part('2.5.4.5', tags.printableString, Buffer.from('SN-0042'))) }),
  'AA:BB:CC:00:11:22': oddCertificate('AA:BB:CC:00:11:22'),
  'pump@example.org': oddCertificate('pump@example.org'),
  compressed: oddCertificate('compressed', compressed()),
  ed25519: oddCertificate('ed25519', { key: generateKeyPairSync('ed25519').privateKey }),
  uuid: oddCertificate('uuid', {
    extensions: [sequence(oid('2.5.29.37'), octetString(sequence(oid(oids.clientAuth), longArc)))],
  }),
  ...Object.fromEntries(
    ['2.5.29.14', '2.5.29.15', '2.5.29.17', '2.5.29.19', '2.5.29.35', '2.5.29.37'].map((id) => {
      const extensions = [sequence(oid(id), derTrue, octetString(Buffer.from('no DER')))];
      return [`broken-${id}`, oddCertificate(`broken-${id}`, { extensions })];
    }),
  ),
  selfsigned: oddCertificate('selfsigned', { issuer: nameOf('selfsigned'), extensions: [caConstraints(0)] }),
};

it('are admitted by what TLS shows of them, and end when OpenSSL says', async () => {
  await open(...Object.keys(kinds));
  const rows = Object.entries(kinds).map(([id, { der }]) => ({ file: `${id}.crt`, der }));
  const done = await importing(rows);
  expect(done).toMatchObject({ imported: rows.length, known: 0 });
  const said = (id: string, name: string) =>
    `broken-${id}.crt: broken-${id}: it has extensions that cannot be read (${name}): they count for nothing`;
  expect(done.notes?.toSorted()).toEqual([
    said('2.5.29.14', 'subjectKeyIdentifier'),
    said('2.5.29.15', 'keyUsage'),
    said('2.5.29.17', 'subjectAltName'),
    said('2.5.29.19', 'basicConstraints'),
    said('2.5.29.37', 'extendedKeyUsage'),
    'ed25519.crt: ed25519: it has a key that cannot be certified again (ed25519): renewal needs a new key, in key mode csr',
    'selfsigned.crt: selfsigned: it is marked as a CA; it is taken as the certificate of a device',
  ]);
  for (const [id, certificate] of Object.entries(kinds)) {
    expect([id, await connackOf(house, certificate, id)]).toEqual([id, 0]);
    const [held] = await certificatesOf(id);
    const { fingerprint256 } = new X509Certificate(certificate.der);
    expect(held?.fingerprint).toBe(fingerprint256.replaceAll(':', '').toLowerCase());
    expect(held?.notAfter).toBe(Date.parse(new X509Certificate(certificate.der).validTo));
  }
  await house.gateway.operations.lookOver();
  const found = await house.gateway.operations.showCertificate({
    id: (await certificatesOf('negative'))[0]?.serial ?? '',
  });
  expect(found.certificate.serial).toMatch(/^n01@/);
  // Handed in again, nothing changes.
  expect(await importing(rows)).toEqual({ imported: 0, known: rows.length });
});

it('are admitted with a time without seconds where OpenSSL reads it, and refused with the reason where it does not', async () => {
  await open('seconds');
  const certificate = oddCertificate('seconds', { validity: [begin, utcTime('3001010000Z')] });
  const imported = importing([{ file: 'seconds.crt', der: certificate.der }]);
  if (readsShortTimes) {
    expect(await imported).toMatchObject({ imported: 1 });
    expect(await connackOf(house, certificate, 'seconds')).toBe(0);
    return;
  }
  const fault = 'seconds.crt: it cannot be read by OpenSSL, so no device can present it';
  await expect(imported).rejects.toMatchObject({ faults: [fault] });
});

it('is admitted though its file is not DER: by the bytes that OpenSSL makes of it', async () => {
  await open('long');
  const certificate = oddCertificate('long');
  expect(await importing([{ file: 'long.der', der: longLength(certificate.der) }])).toMatchObject({ imported: 1 });
  expect(await connackOf(house, certificate, 'long')).toBe(0);
});

it('may all have one name and one number, where a map says whose each is', async () => {
  await open('pump-1', 'pump-2', 'pump-3');
  const same = { subject: nameOf('AWS IoT Certificate'), serial: integerOf(1) };
  const own = { ...same, issuer: same.subject };
  const [one, two, three] = [oddCertificate('', own), oddCertificate('', own), oddCertificate('', same)];
  const rows = [
    { file: 'one.pem', der: one.der, id: 'pump-1' },
    { file: 'two.pem', der: two.der, id: 'pump-2' },
    { file: 'three.pem', der: three.der, id: 'pump-3' },
  ];
  await expect(importing(rows.map(({ file, der }) => ({ file, der })))).rejects.toMatchObject({
    faults: rows.map(
      ({ file }) => `${file}: it names "AWS IoT Certificate", which is not a valid id: say whose it is with --map`,
    ),
  });
  expect(await importing(rows)).toEqual({ imported: 3, known: 0 });
  expect(await connackOf(house, one, 'pump-1')).toBe(0);
  expect(await connackOf(house, two, 'pump-2')).toBe(0);
  // The client id of another is refused with code 2.
  expect(await connackOf(house, two, 'pump-1')).toBe(2);
});

it('are given to no other device than they name by a map that is off by a row, unless somebody insists', async () => {
  await open('pump-1', 'pump-2', 'pump-3', 'pump-old');
  await house.gateway.operations.decommissionDevice({ id: 'pump-old' });
  const der = (id: string) => oddCertificate(id).der;
  const rows = [
    { file: 'one.pem', der: der('pump-1'), id: 'pump-2' },
    { file: 'two.pem', der: der('pump-2'), id: 'pump-3' },
    { file: 'three.pem', der: der('pump-old'), id: 'pump-3' },
    { file: 'four.pem', der: der('pump-1'), id: 'pump-1' },
    { file: 'five.pem', der: der('factory-7'), id: 'pump-1' },
  ];
  const says = (file: string, mapped: string, named: string) =>
    `${file}: it is mapped to ${mapped}, but names ${named}, which is in the inventory too`;
  const wrong = [says('one.pem', 'pump-2', 'pump-1'), says('two.pem', 'pump-3', 'pump-2')];
  await expect(importing(rows)).rejects.toMatchObject({
    code: 'conflict',
    faults: [
      expect.stringContaining(`it gives 2 to other devices than they name; the first is in ${wrong[0]}`),
      ...wrong,
      'To apply it anyway: `nolapse cert import PATH --force --reason TEXT`',
    ],
  });
  expect(await certificatesOf('pump-1')).toEqual([]);
  expect(await importing(rows, { skipFaulty: true })).toMatchObject({ imported: 3, faulty: wrong });
  expect(await certificatesOf('pump-2')).toEqual([]);
  expect(await importing(rows, { force: true, reason: 'they have changed places' })).toMatchObject({
    imported: 2,
    known: 3,
  });
  expect(house.log.count('decision.forced')).toBe(1);
  expect(await certificatesOf('pump-2')).toHaveLength(1);
});

it('are taken without those that are faulty, which are named', async () => {
  await open('good', 'late');
  const over = oddCertificate('late', { validity: [begin, utcTime('260102000000Z')] });
  const ca = oddCertificate('Some CA', { extensions: [caConstraints(0)] });
  const rows = [
    { file: 'good.pem', der: oddCertificate('good').der },
    { file: 'late.pem', der: over.der },
    { file: 'nobody.pem', der: oddCertificate('nobody').der },
    { file: 'cut.pem', der: over.der.subarray(0, -1) },
    { file: 'time.pem', der: oddCertificate('good', { validity: [begin, utcTime('300230000000Z')] }).der },
    { file: 'ca.pem', der: ca.der },
    { file: 'mapped.pem', der: oddCertificate('good').der, id: 'who' },
  ];
  await expect(importing(rows)).rejects.toMatchObject({ code: 'invalid' });
  expect(await certificatesOf('good')).toEqual([]);
  const done = await importing(rows, { skipFaulty: true });
  expect(done).toMatchObject({ imported: 1, known: 0 });
  expect(done.faulty).toEqual([
    expect.stringMatching(/^late\.pem: it ended 2026-01-02/),
    'nobody.pem: it names nobody, which is not in the inventory',
    expect.stringMatching(/^cut\.pem: it is no X\.509 certificate/),
    'time.pem: it is no X.509 certificate: a time that does not exist',
    'ca.pem: nothing but certificates of CAs',
    'mapped.pem: it is mapped to who, which is not in the inventory',
  ]);
  expect(await certificatesOf('good')).toHaveLength(1);
});

it('of a CA are passed over in a bundle, unless the inventory knows whom they name', async () => {
  await open('leaf', 'self');
  const self = oddCertificate('self', { issuer: nameOf('self'), extensions: [caConstraints(0)] });
  const ca = oddCertificate('Some CA', { issuer: nameOf('Some CA'), extensions: [caConstraints(0)] });
  const bundle = [oddCertificate('leaf'), self, ca].map(({ der }) => ({ file: 'bundle.pem', der }));
  expect(await importing(bundle)).toMatchObject({
    imported: 2,
    notes: [expect.stringContaining('marked as a CA')],
    passedOver: { count: 1, unrelatedCount: 1, unrelated: [expect.stringContaining('"CN=Some CA", a self-signed CA')] },
  });
  expect(await connackOf(house, self, 'self')).toBe(0);
});

const folder = 'test/pki/certificates';

it('kept as examples of the field are adopted', async () => {
  const files = readdirSync(folder);
  const ids = files.map((file) => {
    const { subject } = new X509Certificate(readFileSync(`${folder}/${file}`));
    return subject.replace(/^(CN|serialNumber)=/, '');
  });
  await open(...ids);
  const rows = files.map((file) => ({
    file,
    der: pemToDer(readFileSync(`${folder}/${file}`, 'latin1'), 'CERTIFICATE')?.[0] ?? new Uint8Array(),
  }));
  expect(await importing(rows)).toMatchObject({ imported: files.length, known: 0 });
});
