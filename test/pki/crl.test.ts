import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import * as pkijs from 'pkijs';
import { describe, expect, it } from 'vitest';
import { type RevocationReason, revocationReasons, type Serial } from '../../src/domain/certificate.ts';
import { type Issuer, nameOf, signCa } from '../../src/pki/certificate.ts';
import { certsOnly } from '../../src/pki/cms.ts';
import { type CrlBody, readCrl, signCrl } from '../../src/pki/crl.ts';
import { DerError } from '../../src/pki/der-reader.ts';
import { keyIdentifier } from '../../src/pki/public-key.ts';
import { newSerial } from '../../src/pki/serial.ts';
import { signerFor } from '../../src/pki/signature.ts';
import { inPages, whole } from './lists.ts';
import { day, ecKey, entropy, now, spkiOf } from './made.ts';

function makeCa(commonName: string) {
  const key = ecKey();
  const spki = spkiOf(key);
  const issuer: Issuer = { name: nameOf(commonName), keyId: keyIdentifier(spki), signer: signerFor(key) };
  const usages = { keyUsage: ['keyCertSign', 'cRLSign'], extendedKeyUsage: [] } as const;
  const validity = { notBefore: now - day, notAfter: now + day };
  const der = signCa({ serial: newSerial(entropy), commonName, ...validity, spki, usages, pathLength: 0 }, issuer);
  return { issuer, der };
}

const ca = makeCa('issuing');
const times = { thisUpdate: now, nextUpdate: now + 7 * day };
type Entries = readonly { serial: Serial; revokedAt: number; reason: RevocationReason }[];
const sign = (list: Partial<CrlBody> & { readonly number: number }, revoked: Entries, issuer = ca.issuer) =>
  whole(signCrl({ distributionPoint: null, ...times, ...list, revoked: inPages(revoked) }, issuer));
const entry = (reason: RevocationReason) => ({ serial: newSerial(entropy), revokedAt: now - 1_000, reason });

describe('signCrl', () => {
  it('lists every reason, so that another implementation reads it', async () => {
    const revoked = (Object.keys(revocationReasons) as RevocationReason[]).map(entry);
    const read = new x509.X509Crl(new Uint8Array(await sign({ number: 7 }, revoked)));
    expect(read.entries.map(({ serialNumber }) => serialNumber.replace(/^00/, ''))).toEqual(
      revoked.map(({ serial }) => serial),
    );
    expect(read.entries.map(({ reason }) => reason ?? 0)).toEqual(
      revoked.map(({ reason }) => revocationReasons[reason]),
    );
    expect(read.nextUpdate?.getTime()).toBe(times.nextUpdate);
    expect(await read.verify({ publicKey: new x509.X509Certificate(new Uint8Array(ca.der)) })).toBe(true);
  });

  it('leaves the list out when nothing is revoked', async () => {
    const der = await sign({ number: 1 }, []);
    expect(readCrl(der, ca.der)).toMatchObject({
      number: 1,
      distributionPoint: null,
      ...times,
      revoked: [],
      signatureValid: true,
    });
    pkijs.setEngine('node', new pkijs.CryptoEngine({ name: 'node', crypto: globalThis.crypto }));
    const read = pkijs.CertificateRevocationList.fromBER(new Uint8Array(der));
    expect(read.revokedCertificates).toBeUndefined();
    const issuerCertificate = pkijs.Certificate.fromBER(new Uint8Array(ca.der));
    expect(await read.verify({ issuerCertificate })).toBe(true);
  });

  it('carries 5,000 entries, more than asn1js reads', async () => {
    const revoked = Array.from({ length: 5_000 }, () => entry('superseded'));
    const der = await sign({ number: 2 }, revoked);
    expect(readCrl(der, ca.der)).toMatchObject({
      number: 2,
      distributionPoint: null,
      ...times,
      revoked,
      signatureValid: true,
    });
    expect(() => pkijs.CertificateRevocationList.fromBER(new Uint8Array(der))).toThrow();
  });

  it('costs the same bytes for each of 100,000 entries as for the first, and reads them back', async () => {
    const listOf = (count: number) =>
      sign(
        { number: 3 },
        Array.from({ length: count }, () => entry('superseded')),
      );
    const [one, many] = [await listOf(1), await listOf(100_000)];
    // A serial number has a sign octet or none; the lengths around the list grow by some octets.
    expect((many.length - one.length) / 100_000).toBeGreaterThan(40);
    expect((many.length - one.length) / 100_000).toBeLessThan(50);
    expect(readCrl(many, ca.der).revoked).toHaveLength(100_000);
  });

  it('encodes no page before the one in front of it is done, and turns the loop while it hashes', async () => {
    const revoked = Array.from({ length: 40_000 }, () => entry('superseded'));
    const asked: number[] = [];
    let turns = 0;
    let isDone = false;
    const turn = (): void => {
      turns += 1;
      if (!isDone) setImmediate(turn);
    };
    setImmediate(turn);
    const pages = inPages(revoked, 100, () => asked.push(turns));
    const list = { number: 3, distributionPoint: null, ...times, revoked: pages };
    const pieces = await signCrl(list, ca.issuer);
    isDone = true;
    expect(asked).toHaveLength(400);
    // One piece a page: nothing was put together into a copy.
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(100 * 60);
    // 1.5 MB are hashed in more than one turn.
    expect(turns).toBeGreaterThan(2);
    expect(readCrl(Buffer.concat(pieces), ca.der)).toMatchObject({ revoked, signatureValid: true });
  });

  it('says which certificates a list is for, in an extension that must be understood', async () => {
    const distributionPoint = 'http://gateway.example/crl/issuing/7.crl';
    const der = await sign({ number: 4, distributionPoint }, [entry('superseded')]);
    expect(readCrl(der, ca.der)).toMatchObject({ distributionPoint, signatureValid: true });
    const read = new x509.X509Crl(new Uint8Array(der));
    const scope = read.extensions.find(({ type }) => type === '2.5.29.28');
    expect(scope?.critical).toBe(true);
    expect(Buffer.from(scope?.value ?? new ArrayBuffer()).toString('latin1')).toContain(distributionPoint);
  });

  it('gives numbers as great as time brings them, well within 20 octets', async () => {
    for (const number of [1, 2 ** 31, 1_764_000_000, 2 ** 47 - 1]) {
      expect(readCrl(await sign({ number }, []), ca.der).number).toBe(number);
    }
  });
});

describe('readCrl', async () => {
  const der = await sign({ number: 4 }, [entry('superseded')]);

  it('does not take the signature of another key, nor one that names another issuer', async () => {
    expect(readCrl(der, makeCa('issuing').der).signatureValid).toBe(false);
    const impostor = { ...ca.issuer, name: nameOf('another') };
    expect(readCrl(await sign({ number: 4 }, [], impostor), ca.der).signatureValid).toBe(false);
  });

  it('refuses what is no CRL', () => {
    expect(() => readCrl(ca.der, ca.der)).toThrow(DerError);
    expect(() => readCrl(der.subarray(0, -1), ca.der)).toThrow(DerError);
  });
});

describe('certsOnly', () => {
  it('holds the certificates, byte for byte, where another implementation looks for them', () => {
    const other = makeCa('root');
    const content = pkijs.ContentInfo.fromBER(new Uint8Array(certsOnly([ca.der, other.der])));
    expect(content.contentType).toBe(pkijs.id_ContentType_SignedData);
    const { certificates, signerInfos } = new pkijs.SignedData({ schema: content.content });
    expect(signerInfos).toEqual([]);
    expect(certificates?.map((one) => new Uint8Array((one as pkijs.Certificate).toSchema().toBER()))).toEqual([
      ca.der,
      other.der,
    ]);
  });
});
