// What openssl makes of the certificates, revocation lists and keys made here, and what is made here of openssl's requests.
import { execFile } from 'node:child_process';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { initPki } from '../../src/authority/init.ts';
import { openLocalAuthority } from '../../src/authority/local.ts';
import type { Serial } from '../../src/domain/certificate.ts';
import { certificatesIn, certsOnly } from '../../src/pki/cms.ts';
import { readCsr } from '../../src/pki/csr.ts';
import { newEnvelopedKey } from '../../src/pki/envelope.ts';
import { derToPem, pemToDer } from '../../src/pki/pem.ts';
import { newSerial } from '../../src/pki/serial.ts';
import { inPages, whole } from '../pki/lists.ts';
import { approvedFor, day, ecKey, entropy, locations, rsaKey, serverOptions, spkiOf } from '../pki/made.ts';

const passphrase = 'correct horse';
const dir = mkdtempSync(join(tmpdir(), 'nolapse-openssl-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const now = Date.now();
initPki(dir, { ...serverOptions, now, passphrase });
const authority = openLocalAuthority(dir, { locations: () => locations, passphrase });
const validity = { notBefore: now - day, notAfter: now + 30 * day };

const run = promisify(execFile);
const openssl = async (...args: string[]) => {
  const { stdout, stderr } = await run('openssl', args, { cwd: dir });
  return stdout + stderr;
};
const writePem = (name: string, label: string, der: Uint8Array) => writeFileSync(join(dir, name), derToPem(der, label));
const path = ['-CAfile', 'root.crt', '-untrusted', 'issuing.crt'];

async function issueTo(file: string, spki = spkiOf(ecKey())) {
  const request = approvedFor('dev-1', spki, validity);
  const { certificate: der } = await authority.issue(request);
  writePem(file, 'CERTIFICATE', der);
  return { request, der };
}

describe('openssl verify -x509_strict', () => {
  it.each([
    ['P-256', spkiOf(ecKey('P-256'))],
    ['P-384', spkiOf(ecKey('P-384'))],
    ['RSA 2048', spkiOf(rsaKey(2_048))],
  ])('accepts a device certificate over a %s key', async (_name, spki) => {
    await issueTo('leaf.crt', spki);
    expect(await openssl('verify', '-x509_strict', '-purpose', 'sslclient', ...path, 'leaf.crt')).toContain(
      'leaf.crt: OK',
    );
  });

  it("does not accept a device certificate for a server, nor the server's for a client", async () => {
    await issueTo('leaf.crt');
    await expect(openssl('verify', '-purpose', 'sslserver', ...path, 'leaf.crt')).rejects.toThrow('purpose');
    await expect(openssl('verify', '-purpose', 'sslclient', ...path, 'server.crt')).rejects.toThrow('purpose');
  });

  it('accepts the server by each of its names', async () => {
    const verify = ['verify', '-x509_strict', '-purpose', 'sslserver', ...path];
    for (const by of [
      ['-verify_hostname', 'localhost'],
      ['-verify_ip', '127.0.0.1'],
      ['-verify_ip', '::1'],
    ]) {
      expect(await openssl(...verify, ...by, 'server.crt')).toContain('server.crt: OK');
    }
    await expect(openssl(...verify, '-verify_hostname', 'elsewhere', 'server.crt')).rejects.toThrow(
      'hostname mismatch',
    );
  });

  it('asks the CRL', async () => {
    const good = await issueTo('good.crt');
    const { request } = await issueTo('revoked.crt');
    const publish = async (number: number, serials: (typeof request.serial)[]) => {
      const revoked = serials.map((serial) => ({ serial, revokedAt: now, reason: 'superseded' as const }));
      const list = { number, thisUpdate: now - 1_000, nextUpdate: now + day, distributionPoint: null };
      const der = await whole(authority.signCrl({ ...list, revoked: inPages(revoked) }));
      writePem('list.crl', 'X509 CRL', der);
    };
    const check = (name: string) =>
      openssl('verify', '-x509_strict', '-crl_check', '-CRLfile', 'list.crl', '-purpose', 'sslclient', ...path, name);
    await publish(1, []);
    expect(await check('revoked.crt')).toContain('OK');
    await publish(2, [request.serial]);
    await expect(check('revoked.crt')).rejects.toThrow('certificate revoked');
    expect(await check('good.crt')).toContain('OK');
    expect(good.request.serial).not.toBe(request.serial);
  });
});

describe('openssl verify -crl_check', () => {
  const url = (shard: number): string => `http://127.0.0.1:8880/crl/issuing/${shard}.crl`;
  const list = async (distributionPoint: string | null, serials: readonly Serial[]): Promise<string> => {
    const revoked = serials.map((serial) => ({ serial, revokedAt: now, reason: 'superseded' as const }));
    const head = { number: 1, thisUpdate: now - 1_000, nextUpdate: now + day, distributionPoint };
    const name = `list-${distributionPoint?.split('/').at(-1) ?? 'complete.crl'}`;
    writePem(name, 'X509 CRL', await whole(authority.signCrl({ ...head, revoked: inPages(revoked) })));
    return name;
  };
  const check = (leaf: string, crl: string) =>
    openssl('verify', '-x509_strict', '-crl_check', '-CRLfile', crl, '-purpose', 'sslclient', ...path, leaf);
  const issueInto = async (file: string, shard: number): Promise<Serial> => {
    const request = approvedFor('dev-1', spkiOf(ecKey()), validity);
    writePem(file, 'CERTIFICATE', (await authority.issue(request, url(shard))).certificate);
    return request.serial;
  };

  it("takes a shard's list for the certificates that name it, and for no other", async () => {
    await issueInto('good.crt', 1);
    const revoked = await issueInto('revoked.crt', 1);
    await issueInto('elsewhere.crt', 2);
    const shard = await list(url(1), [revoked]);
    expect(await check('good.crt', shard)).toContain('OK');
    await expect(check('revoked.crt', shard)).rejects.toThrow('certificate revoked');
    await expect(check('elsewhere.crt', shard)).rejects.toThrow('different CRL scope');
  });

  it('takes the complete list for every certificate, whichever it names', async () => {
    const complete = await issueTo('older.crt');
    const revoked = await issueInto('revoked.crt', 3);
    await issueInto('good.crt', 3);
    const all = await list(null, [revoked, complete.request.serial]);
    expect(await check('good.crt', all)).toContain('OK');
    for (const leaf of ['revoked.crt', 'older.crt']) {
      await expect(check(leaf, all)).rejects.toThrow('certificate revoked');
    }
  });
});

describe('openssl crl', () => {
  it('verifies and prints lists of one entry and of 100,000', async () => {
    for (const length of [1, 100_000]) {
      const revoked = Array.from({ length }, () => ({
        serial: newSerial(entropy),
        revokedAt: now,
        reason: 'keyCompromise' as const,
      }));
      const list = { number: 4_711, thisUpdate: now, nextUpdate: now + day, distributionPoint: null };
      const der = await whole(authority.signCrl({ ...list, revoked: inPages(revoked) }));
      writeFileSync(join(dir, 'list.der'), der);
      const printed = await openssl(
        'crl',
        '-inform',
        'DER',
        '-in',
        'list.der',
        '-verify',
        '-CAfile',
        'issuing.crt',
        '-noout',
        '-crlnumber',
      );
      expect(printed).toContain('verify OK');
      expect(printed.toLowerCase()).toContain('crlnumber=0x1267');
    }
    const one = [{ serial: newSerial(entropy), revokedAt: now, reason: 'keyCompromise' as const }];
    const list = { number: 1, thisUpdate: now, nextUpdate: now + day, distributionPoint: null };
    writeFileSync(join(dir, 'list.der'), await whole(authority.signCrl({ ...list, revoked: inPages(one) })));
    expect(await openssl('crl', '-inform', 'DER', '-in', 'list.der', '-noout', '-text')).toContain('Key Compromise');
  });
});

describe('openssl cms -decrypt', () => {
  it.each(['P-256', 'P-384'])(
    'opens a key that was made for the holder of a %s key, and nobody else',
    async (curve) => {
      const own = ecKey(curve);
      const { der } = await issueTo('holder.crt', spkiOf(own));
      const { spki, envelope } = newEnvelopedKey(der);
      writeFileSync(join(dir, 'key.cms'), envelope);
      const pemOf = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString();
      writeFileSync(join(dir, 'holder.key'), pemOf(own));
      writeFileSync(join(dir, 'other.key'), pemOf(ecKey(curve)));
      const decrypt = ['cms', '-decrypt', '-inform', 'DER', '-in', 'key.cms', '-out', 'opened.der'];
      await openssl(...decrypt, '-recip', 'holder.crt', '-inkey', 'holder.key');
      await openssl('pkey', '-inform', 'DER', '-in', 'opened.der', '-check', '-pubout', '-out', 'opened.pub');
      const opened = createPublicKey(readFileSync(join(dir, 'opened.pub')));
      expect(opened.export({ type: 'spki', format: 'der' })).toEqual(Buffer.from(spki));
      await expect(openssl(...decrypt, '-recip', 'holder.crt', '-inkey', 'other.key')).rejects.toThrow();
      await expect(openssl(...decrypt, '-recip', 'issuing.crt', '-inkey', 'holder.key')).rejects.toThrow();
    },
  );

  it('finds the algorithms that are promised', async () => {
    const { der } = await issueTo('holder.crt');
    writeFileSync(join(dir, 'key.cms'), newEnvelopedKey(der).envelope);
    const printed = await openssl('cms', '-cmsout', '-print', '-inform', 'DER', '-in', 'key.cms');
    for (const name of ['dhSinglePass-stdDH-sha256kdf-scheme', 'aes-256-cbc', 'issuerAndSerialNumber']) {
      expect(printed).toContain(name);
    }
    expect(printed).toMatch(/originatorKey:\s+algorithm:\s+algorithm: id-ecPublicKey/);
  });
});

describe('openssl', () => {
  it('prints the certificates of a certs-only message', async () => {
    const { der } = await issueTo('leaf.crt');
    writeFileSync(join(dir, 'chain.p7c'), certsOnly([der, ...authority.trust().issuers[0].chain]));
    const printed = await openssl('pkcs7', '-inform', 'DER', '-in', 'chain.p7c', '-print_certs');
    expect(printed).toContain('subject=CN = dev-1');
    expect(printed.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  });

  it('reads the PKCS#7 file that openssl makes of two certificates, byte for byte', async () => {
    await openssl(
      'crl2pkcs7',
      '-nocrl',
      '-certfile',
      'issuing.crt',
      '-certfile',
      'root.crt',
      '-outform',
      'DER',
      '-out',
      'two.p7b',
    );
    const files = ['issuing.crt', 'root.crt'].map((name) => readFileSync(join(dir, name), 'utf8'));
    const ders = files.flatMap((text) => pemToDer(text, 'CERTIFICATE') ?? []);
    expect(certificatesIn(readFileSync(join(dir, 'two.p7b')))).toEqual(ders);
  });

  it('opens an encrypted key with the passphrase alone', async () => {
    expect(readFileSync(join(dir, 'issuing.key'), 'utf8')).toContain('ENCRYPTED');
    expect(await openssl('pkey', '-in', 'issuing.key', '-passin', `pass:${passphrase}`, '-noout', '-check')).toContain(
      'valid',
    );
    await expect(openssl('pkey', '-in', 'issuing.key', '-passin', 'pass:wrong', '-noout')).rejects.toThrow();
  });

  it.each([
    ['ec-p256', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']],
    ['ec-p384', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha384']],
    ['ed25519', ['-newkey', 'ed25519']],
    ['rsa', ['-newkey', 'rsa:2048']],
  ])('makes a request over %s that is read here', async (algorithm, newKey) => {
    const name = ['-subj', '/CN=dev-1', '-addext', 'subjectAltName=URI:urn:nolapse:device:dev-1'];
    await openssl(
      'req',
      '-new',
      ...newKey,
      '-nodes',
      ...name,
      '-keyout',
      'own.key',
      '-outform',
      'DER',
      '-out',
      'own.csr',
    );
    expect(readCsr(new Uint8Array(readFileSync(join(dir, 'own.csr'))))).toMatchObject({
      commonNames: ['dev-1'],
      alternativeNames: [{ type: 'uri', value: 'urn:nolapse:device:dev-1' }],
      ignored: [],
      signatureValid: true,
      key: { algorithm },
    });
  });
});
