import { X509Certificate } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { authorities } from '../../src/authority/index.ts';
import { initPki } from '../../src/authority/init.ts';
import { loadProfiles } from '../../src/authority/profiles.ts';
import { ensureServerCertificate, issueServerCertificate } from '../../src/authority/server-certificate.ts';
import { type IssuingSlot, issuingName } from '../../src/domain/issuing-slots.ts';
import { readCrl } from '../../src/pki/crl.ts';
import { inspectCertificate, readCertificate } from '../../src/pki/x509.ts';
import { inPages, whole } from './lists.ts';
import { approvedFor, day, ecKey, entropy, locations, now, scratch, serverOptions, spkiOf } from './made.ts';

const files = ['issuing.crt', 'issuing.key', 'root.crt', 'root.key', 'server.crt', 'server.key'];

function home(options: Partial<typeof serverOptions> & { passphrase?: string; rsaBits?: number } = {}): string {
  const dir = join(scratch(), 'pki');
  initPki(dir, { ...serverOptions, ...options });
  return dir;
}

const numbered = (issuer: number) => ({ crlUrl: `http://x/${issuer}.crl`, caIssuersUrl: `http://x/${issuer}.crt` });

/** The slot of an issuing CA as its files have it. */
function slotOf(dir: string, number: number, state: 'current' | 'former'): IssuingSlot {
  const der = new Uint8Array(certificateIn(dir, `${issuingName(number)}.crt`).raw);
  const { fingerprint, notBefore, notAfter, keyFingerprint } = inspectCertificate(der);
  const certificate = { fingerprint, notBefore, notAfter };
  const times = { preparedAt: now, activatedAt: now, replacedAt: null, endedAt: null, lastLeafEnd: 0 };
  return { number, root: 1, state, keyFingerprint, certificate, ...times };
}

const certificateIn = (dir: string, name: string) => new X509Certificate(readFileSync(join(dir, name)));
const contentOf = (dir: string) => files.map((name) => readFileSync(join(dir, name), 'utf8'));
const again = (dir: string) => initPki(dir, serverOptions);
const code = (expected: string) => expect.objectContaining({ name: 'NolapseError', code: expected });

describe('initPki', () => {
  it('makes three pairs that only their owner can read', () => {
    const dir = home();
    expect(readdirSync(dir).sort()).toEqual(files);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    for (const name of files.filter((file) => file.endsWith('.key'))) {
      expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600);
      expect(readFileSync(join(dir, name), 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    }
  });

  it('makes a chain: root over issuing CA over server', () => {
    const dir = home();
    const [root, issuing, server] = ['root.crt', 'issuing.crt', 'server.crt'].map((name) => certificateIn(dir, name));
    if (!root || !issuing || !server) throw new Error('missing');
    expect(root.verify(root.publicKey) && issuing.verify(root.publicKey) && server.verify(issuing.publicKey)).toBe(
      true,
    );
    expect(readCertificate(root.raw).ca).toEqual({ is: true, pathLength: null });
    expect(readCertificate(issuing.raw).ca).toEqual({ is: true, pathLength: 0 });
    expect(server.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1');
    expect(readFileSync(join(dir, 'server.crt'), 'utf8')).toContain(issuing.toString());
  });

  it('changes nothing when everything is there', () => {
    const dir = home();
    const before = contentOf(dir);
    expect(again(dir)).toBe('present');
    expect(contentOf(dir)).toEqual(before);
  });

  it('does not miss a root key that was taken away', () => {
    const dir = home();
    rmSync(join(dir, 'root.key'));
    expect(again(dir)).toBe('present');
    expect(existsSync(join(dir, 'root.key'))).toBe(false);
  });

  // The files in the order they are written: an interruption leaves a beginning of this list.
  const order = ['root.key', 'root.crt', 'issuing.key', 'issuing.crt', 'server.key', 'server.crt'];
  it.each([1, 2, 3, 4, 5])('finishes what was interrupted after %i files, and keeps those', (count) => {
    const dir = home();
    const kept = order.slice(0, count);
    for (const name of order.slice(count)) rmSync(join(dir, name));
    // The server's pair is expendable: a lone key is replaced.
    const lasting = kept.filter((name) => !name.startsWith('server'));
    const before = lasting.map((name) => readFileSync(join(dir, name), 'utf8'));
    writeFileSync(join(dir, `${order[count]}.new`), 'torn');
    expect(again(dir)).toBe('healed');
    expect(lasting.map((name) => readFileSync(join(dir, name), 'utf8'))).toEqual(before);
    expect(readdirSync(dir).sort()).toEqual(files);
    expect(again(dir)).toBe('present');
  });

  it.each([
    ['root.crt', ['root.crt']],
    ['issuing.key', ['issuing.key']],
    ['root.key', ['root.key', 'issuing.key', 'issuing.crt']],
  ])('says that %s is missing when it cannot be made anew', (named, removed) => {
    const dir = home();
    for (const name of removed) rmSync(join(dir, name));
    expect(() => again(dir)).toThrow(code('pki_file_missing'));
    expect(() => again(dir)).toThrow(named);
    for (const name of removed) expect(existsSync(join(dir, name))).toBe(false);
  });

  it('replaces a server pair that does not belong together', () => {
    const dir = home();
    cpSync(join(home(), 'server.key'), join(dir, 'server.key'));
    expect(again(dir)).toBe('healed');
    expect(again(dir)).toBe('present');
  });

  it('refuses names that are none', () => {
    for (const name of ['a b', '', '-a', 'a..b', 'x'.repeat(254), 'fe80::1%eth0', 'https://a']) {
      expect(() => home({ names: [name] })).toThrow(code('invalid_name'));
    }
  });

  it('reads addresses of every form', () => {
    const names = ['::', '2001:db8::ff:1', '::ffff:192.0.2.1', '10.0.0.255', '*.example.org'];
    expect(certificateIn(home({ names }), 'server.crt').subjectAltName).toBe(
      'IP Address:0:0:0:0:0:0:0:0, IP Address:2001:DB8:0:0:0:0:FF:1, IP Address:0:0:0:0:0:FFFF:C000:201, ' +
        'IP Address:10.0.0.255, DNS:*.example.org',
    );
  });
});

describe('keys with a passphrase', () => {
  it('are encrypted on disk, and open with it alone', () => {
    const dir = home({ passphrase: 'correct horse' });
    for (const name of ['root.key', 'issuing.key', 'server.key']) {
      expect(readFileSync(join(dir, name), 'utf8')).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    }
    const open = (passphrase?: string) => authorities.local(dir, { locations: () => locations, passphrase });
    expect(open('correct horse').trust().issuers[0].notAfter).toBeGreaterThan(now);
    expect(() => open('wrong')).toThrow(code('passphrase_wrong'));
    expect(() => open()).toThrow(code('passphrase_missing'));
    expect(() => initPki(dir, { ...serverOptions, passphrase: 'wrong' })).toThrow(code('passphrase_wrong'));
  });
});

describe('the local authority', () => {
  it('issues what was approved, the same body twice', async () => {
    const authority = authorities.local(home(), { locations: () => locations });
    const request = approvedFor('dev-1', spkiOf(ecKey()));
    const [first, second] = [await authority.issue(request), await authority.issue(request)];
    expect(inspectCertificate(first.certificate)).toMatchObject({
      serial: request.serial,
      keyFingerprint: request.keyFingerprint,
      notBefore: request.notBefore,
      notAfter: request.notAfter,
      commonName: 'dev-1',
      uris: ['urn:nolapse:device:dev-1'],
    });
    expect(readCertificate(first.certificate).signed.body.raw).toEqual(
      readCertificate(second.certificate).signed.body.raw,
    );
    const issuing = new X509Certificate(authority.trust().issuers[0].chain[0]);
    expect(new X509Certificate(first.certificate).verify(issuing.publicKey)).toBe(true);
  });

  it('signs nothing that outlives it', async () => {
    const authority = authorities.local(home(), { locations: () => locations });
    const validity = { notBefore: now, notAfter: authority.trust().issuers[0].notAfter + 1_000 };
    const request = approvedFor('dev-1', spkiOf(ecKey()), validity);
    await expect(authority.issue(request)).rejects.toThrow(code('outlives_issuer'));
    const last = { ...request, notAfter: authority.trust().issuers[0].notAfter };
    await expect(authority.issue(last)).resolves.toBeDefined();
    const inverted = { ...last, notBefore: last.notAfter };
    await expect(authority.issue(inverted)).rejects.toThrow(code('no_validity'));
  });

  it('signs with the current issuing CA, says where it publishes, and signs the lists of the former one with its key', async () => {
    const dir = home();
    const elsewhere = home();
    // Another one below the same root.
    for (const end of ['key', 'crt']) cpSync(join(dir, `root.${end}`), join(elsewhere, `root.${end}`));
    for (const end of ['key', 'crt']) rmSync(join(elsewhere, `issuing.${end}`));
    again(elsewhere);
    for (const end of ['key', 'crt']) cpSync(join(elsewhere, `issuing.${end}`), join(dir, `issuing-2.${end}`));
    const authority = authorities.local(dir, { locations: numbered, slots: [slotOf(dir, 1, 'current')] });
    const [first] = authority.trust().issuers;
    const former = slotOf(dir, 1, 'former');
    authority.use([former, slotOf(dir, 2, 'current')]);
    const { issuers, roots } = authority.trust();
    expect(issuers.map(({ number }) => number)).toEqual([2, 1]);
    expect(roots).toHaveLength(1);
    expect(issuers[1]).toEqual(first);
    const { certificate, chain } = await authority.issue(approvedFor('dev-1', spkiOf(ecKey())));
    expect(new X509Certificate(certificate).verify(new X509Certificate(chain[0]).publicKey)).toBe(true);
    expect(chain[0]).toEqual(issuers[0].chain[0]);
    expect(Buffer.from(certificate).toString('latin1')).toMatch(/http:\/\/x\/2\.crl.*http:\/\/x\/2\.crt/s);
    const list = { number: 1, thisUpdate: now, nextUpdate: now + day, distributionPoint: null };
    for (const { number, chain: above } of issuers) {
      const issuer = number ?? 0;
      const crl = await whole(authority.signCrl({ ...list, issuer, revoked: inPages([]) }));
      expect(readCrl(crl, above[0]).signatureValid, `${issuer}`).toBe(true);
    }
    // Without its key a former one is still trusted, and the one that signs goes on.
    rmSync(join(dir, 'issuing.key'));
    const reopened = authorities.local(dir, { locations: numbered, slots: [former, slotOf(dir, 2, 'current')] });
    expect(reopened.trust().issuers.map(({ number }) => number)).toEqual([2, 1]);
    expect(reopened.faults()).toEqual([`${join(dir, 'issuing.key')} is missing`]);
    await expect(reopened.signCrl({ ...list, issuer: 1, revoked: inPages([]) })).rejects.toThrow(
      code('authority_unavailable'),
    );
  });

  it('opens no other issuing CA than the one that the ledger knows under its number', () => {
    const dir = home();
    const slots = [slotOf(dir, 1, 'current')];
    for (const end of ['key', 'crt']) rmSync(join(dir, `issuing.${end}`));
    again(dir);
    expect(() => authorities.local(dir, { locations: numbered, slots })).toThrow(code('pki_mismatch'));
    expect(() => authorities.local(dir, { locations: numbered, slots: [] })).toThrow(code('no_issuing_ca'));
  });

  it('reports what it cannot sign as unavailable', async () => {
    const authority = authorities.local(home(), { locations: () => locations });
    const request = { ...approvedFor('dev-1', spkiOf(ecKey())), spki: Uint8Array.of(1) };
    await expect(authority.issue(request)).rejects.toThrow(code('authority_unavailable'));
  });

  it('signs a CRL that its own certificate verifies', async () => {
    const authority = authorities.local(home(), { locations: () => locations });
    const { serial } = approvedFor('dev-1', spkiOf(ecKey()));
    const revoked = [{ serial, revokedAt: now, reason: 'superseded' as const }];
    const list = { number: 1, thisUpdate: now, nextUpdate: now + day, distributionPoint: null };
    const der = await whole(authority.signCrl({ ...list, revoked: inPages(revoked) }));
    expect(readCrl(der, authority.trust().issuers[0].chain[0])).toMatchObject({ revoked, signatureValid: true });
  });

  it("does not need the root's key", () => {
    const dir = home();
    rmSync(join(dir, 'root.key'));
    expect(authorities.local(dir, { locations: () => locations }).trust().roots[0]).toEqual(
      new Uint8Array(certificateIn(dir, 'root.crt').raw),
    );
  });

  it.each([
    ['pki_file_missing', (dir: string) => rmSync(join(dir, 'issuing.key'))],
    ['pki_malformed', (dir: string) => writeFileSync(join(dir, 'issuing.crt'), 'nothing')],
    ['pki_malformed', (dir: string) => writeFileSync(join(dir, 'issuing.key'), 'nothing')],
    ['key_mismatch', (dir: string) => cpSync(join(dir, 'server.key'), join(dir, 'issuing.key'))],
    ['broken_chain', (dir: string) => cpSync(join(home(), 'root.crt'), join(dir, 'root.crt'))],
    [
      'not_a_ca',
      (dir: string) =>
        ['key', 'crt'].forEach((end) => {
          cpSync(join(dir, `server.${end}`), join(dir, `issuing.${end}`));
        }),
    ],
  ])('does not open with %s', (expected, damage) => {
    const dir = home();
    damage(dir);
    expect(() => authorities.local(dir, { locations: () => locations })).toThrow(code(expected));
  });
});

const rsaFacts = (dir: string) =>
  ['root', 'issuing', 'server'].map((name) => readCertificate(certificateIn(dir, `${name}.crt`).raw).key);

describe('RSA keys', () => {
  it('are made for root, issuing CA and server when they are asked for', () => {
    const dir = home({ rsaBits: 2_048 });
    for (const facts of rsaFacts(dir)) expect(facts).toMatchObject({ algorithm: 'rsa', bits: 2_048 });
    const [root, issuing, server] = ['root.crt', 'issuing.crt', 'server.crt'].map((name) => certificateIn(dir, name));
    if (!root || !issuing || !server) throw new Error('missing');
    expect(issuing.verify(root.publicKey) && server.verify(issuing.publicKey)).toBe(true);
  });

  it('stay RSA whenever a certificate is made anew, without being asked for again', () => {
    const dir = home({ rsaBits: 2_048 });
    expect(ensureServerCertificate(dir, { ...serverOptions, now: now + 61 * day }).renewed).toBe(true);
    expect(rsaFacts(dir)[2]).toMatchObject({ algorithm: 'rsa', bits: 2_048 });
    for (const name of ['issuing.crt', 'issuing.key', 'server.crt', 'server.key']) rmSync(join(dir, name));
    expect(again(dir)).toBe('healed');
    for (const facts of rsaFacts(dir)) expect(facts).toMatchObject({ algorithm: 'rsa', bits: 2_048 });
  });

  it('are refused beside other keys that are there, and taken where they are the same', () => {
    const [rsa, ec] = [home({ rsaBits: 2_048 }), home()];
    expect(initPki(rsa, { ...serverOptions, rsaBits: 2_048 })).toBe('present');
    const before = contentOf(ec);
    for (const [dir, rsaBits] of [
      [rsa, 3_072],
      [ec, 2_048],
    ] as const) {
      expect(() => initPki(dir, { ...serverOptions, rsaBits })).toThrow(code('key_type'));
    }
    expect(contentOf(ec)).toEqual(before);
  });

  it("are not made for a server whose key is EC, under an operator's RSA CA", () => {
    const [dir, other] = [home(), home({ rsaBits: 2_048 })];
    for (const name of ['root.crt', 'root.key', 'issuing.crt', 'issuing.key'])
      cpSync(join(other, name), join(dir, name));
    expect(ensureServerCertificate(dir, serverOptions).renewed).toBe(true);
    expect(rsaFacts(dir).map(({ algorithm }) => algorithm)).toEqual(['rsa', 'rsa', 'ec-p256']);
  });
});

describe("the server's certificate", () => {
  it('stays while it is good', () => {
    const dir = home();
    const before = contentOf(dir);
    const kept = ensureServerCertificate(dir, { ...serverOptions, now: now + 59 * day });
    expect(kept.renewed).toBe(false);
    expect(contentOf(dir)).toEqual(before);
    expect(new X509Certificate(kept.certificatePem).raw.equals(kept.der)).toBe(true);
  });

  it.each([
    ['less than a third of its life is left', { now: now + 61 * day }],
    ['its names change', { names: ['broker.example'] }],
  ])('is replaced, key and all, when %s', (_name, changes) => {
    const dir = home();
    const before = certificateIn(dir, 'server.crt');
    const issued = ensureServerCertificate(dir, { ...serverOptions, ...changes });
    expect(issued.renewed).toBe(true);
    const after = certificateIn(dir, 'server.crt');
    expect(after.raw.equals(issued.der)).toBe(true);
    expect(issued.serial).toBe(inspectCertificate(after.raw).serial);
    expect(after.publicKey.equals(before.publicKey)).toBe(false);
    expect(statSync(join(dir, 'server.key')).mode & 0o777).toBe(0o600);
    expect(ensureServerCertificate(dir, { ...serverOptions, ...changes }).renewed).toBe(false);
  });

  it('is replaced when it has not begun, made by a clock that ran ahead', () => {
    const dir = home();
    expect(ensureServerCertificate(dir, { ...serverOptions, now: now + 400 * day }).renewed).toBe(true);
    const right = ensureServerCertificate(dir, serverOptions);
    expect(right.renewed).toBe(true);
    expect(right.notBefore).toBeLessThan(now);
    expect(ensureServerCertificate(dir, serverOptions).renewed).toBe(false);
  });

  it('is not replaced by a clock that is before the issuing CA itself', () => {
    expect(ensureServerCertificate(home(), { ...serverOptions, now: 0 }).renewed).toBe(false);
  });

  it('never outlives the issuing CA, and is not replaced again and again at its end', () => {
    const dir = home();
    const end = authorities.local(dir, { locations: () => locations }).trust().issuers[0].notAfter;
    expect(issueServerCertificate(dir, { ...serverOptions, now: end - day }).notAfter).toBe(end);
    for (const leftMs of [day / 2, 1_000, -day]) {
      expect(ensureServerCertificate(dir, { ...serverOptions, now: end - leftMs }).renewed).toBe(false);
    }
  });

  it('comes with its key in the clear for TLS, though the file is encrypted', () => {
    const dir = home({ passphrase: 'correct horse' });
    const { keyPem } = ensureServerCertificate(dir, { ...serverOptions, entropy, passphrase: 'correct horse' });
    expect(keyPem).toMatch(/^-----BEGIN PRIVATE KEY-----/);
  });
});

describe('the profiles', () => {
  it('are those of the package', () => {
    const profiles = loadProfiles();
    expect(profiles.root.lifetimeMs).toBe(20 * 365 * day);
    expect(profiles.issuing).toMatchObject({ pathLength: 0, lifetimeMs: 5 * 365 * day, crlLifetimeMs: 7 * day });
    expect(profiles.server).toMatchObject({ extendedKeyUsage: ['serverAuth'], lifetimeMs: 90 * day });
    for (const profile of Object.values(profiles.principals)) {
      expect(profile).toMatchObject({ keys: ['ec-p256', 'ec-p384', 'rsa'], extendedKeyUsage: ['clientAuth'] });
    }
  });

  it('name every fault by file and path', () => {
    const dir = join(scratch(), 'certs');
    cpSync(new URL('../../certs/', import.meta.url), dir, { recursive: true });
    writeFileSync(join(dir, 'device.yaml'), 'keys: [rsa, dsa]\nkeyUsage: [digitalSignature]\nextendedKeyUsage: []\n');
    writeFileSync(join(dir, 'server.yaml'), 'keys: [');
    writeFileSync(
      join(dir, 'issuing.yaml'),
      'keys: [ec-p256]\nkeyUsage: [cRLSign]\npathLength: 0\nlifetime: soon\nbackdate: 1d\ncrlLifetime: 7d\nextra: 1\n',
    );
    rmSync(join(dir, 'root.yaml'));
    expect(() => loadProfiles(dir)).toThrow(code('invalid_profile'));
    for (const fault of [
      /device\.yaml: keys\.1: /,
      /device\.yaml: extendedKeyUsage: /,
      /server\.yaml: /,
      /issuing\.yaml: lifetime: not a duration/,
      /root\.yaml: ENOENT/,
    ]) {
      expect(() => loadProfiles(dir)).toThrow(fault);
    }
  });
});
