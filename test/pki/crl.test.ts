import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import * as pkijs from 'pkijs';
import { describe, expect, it } from 'vitest';
import { type RevocationReason, revocationReasons } from '../../src/domain/certificate.ts';
import { type Issuer, nameOf, signCa } from '../../src/pki/certificate.ts';
import { certsOnly } from '../../src/pki/cms.ts';
import { readCrl, signCrl } from '../../src/pki/crl.ts';
import { DerError } from '../../src/pki/der-reader.ts';
import { keyIdentifier } from '../../src/pki/public-key.ts';
import { newSerial } from '../../src/pki/serial.ts';
import { signerFor } from '../../src/pki/signature.ts';
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
const entry = (reason: RevocationReason) => ({ serial: newSerial(entropy), revokedAt: now - 1_000, reason });

describe('signCrl', () => {
  it('lists every reason, so that another implementation reads it', async () => {
    const revoked = (Object.keys(revocationReasons) as RevocationReason[]).map(entry);
    const read = new x509.X509Crl(new Uint8Array(signCrl({ number: 7, ...times, revoked }, ca.issuer)));
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
    const der = signCrl({ number: 1, ...times, revoked: [] }, ca.issuer);
    expect(readCrl(der, ca.der)).toEqual({ number: 1, ...times, revoked: [], signatureValid: true });
    pkijs.setEngine('node', new pkijs.CryptoEngine({ name: 'node', crypto: globalThis.crypto }));
    const read = pkijs.CertificateRevocationList.fromBER(new Uint8Array(der));
    expect(read.revokedCertificates).toBeUndefined();
    const issuerCertificate = pkijs.Certificate.fromBER(new Uint8Array(ca.der));
    expect(await read.verify({ issuerCertificate })).toBe(true);
  });

  it('carries 5,000 entries, more than asn1js reads', () => {
    const revoked = Array.from({ length: 5_000 }, () => entry('superseded'));
    const der = signCrl({ number: 2, ...times, revoked }, ca.issuer);
    expect(readCrl(der, ca.der)).toEqual({ number: 2, ...times, revoked, signatureValid: true });
    expect(() => pkijs.CertificateRevocationList.fromBER(new Uint8Array(der))).toThrow();
  });

  it('costs the same bytes for each of 100,000 entries as for the first', () => {
    const sizeOf = (count: number) => {
      const revoked = Array.from({ length: count }, () => entry('superseded'));
      return signCrl({ number: 3, ...times, revoked }, ca.issuer).length;
    };
    const [one, many] = [sizeOf(1), sizeOf(100_000)];
    // A serial number has a sign octet or none; the lengths around the list grow by some octets.
    expect((many - one) / 100_000).toBeGreaterThan(40);
    expect((many - one) / 100_000).toBeLessThan(50);
  });

  it('carries 100,000 entries that are read back', () => {
    const revoked = Array.from({ length: 100_000 }, () => entry('superseded'));
    expect(readCrl(signCrl({ number: 3, ...times, revoked }, ca.issuer), ca.der).revoked).toHaveLength(100_000);
  });
});

describe('readCrl', () => {
  const der = signCrl({ number: 4, ...times, revoked: [entry('superseded')] }, ca.issuer);

  it('does not take the signature of another key, nor one that names another issuer', () => {
    expect(readCrl(der, makeCa('issuing').der).signatureValid).toBe(false);
    const impostor = { ...ca.issuer, name: nameOf('another') };
    expect(readCrl(signCrl({ number: 4, ...times, revoked: [] }, impostor), ca.der).signatureValid).toBe(false);
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
