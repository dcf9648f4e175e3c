import 'reflect-metadata';
import { createPublicKey, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Issuer, type LeafBody, nameOf, signCa, signLeaf, signServer } from '../../src/pki/certificate.ts';
import { DerError } from '../../src/pki/der-reader.ts';
import { fingerprintOf } from '../../src/pki/fingerprint.ts';
import { keyIdentifier } from '../../src/pki/public-key.ts';
import { newSerial } from '../../src/pki/serial.ts';
import { signerFor } from '../../src/pki/signature.ts';
import { inspectCertificate, readCertificate } from '../../src/pki/x509.ts';
import { day, ecKey, entropy, locations, now, rsaKey, spkiOf } from './made.ts';

const key = ecKey();
const issuerFor = (own = ecKey()): Issuer => ({
  name: nameOf('issuing'),
  keyId: keyIdentifier(spkiOf(own)),
  signer: signerFor(own),
});
const body: LeafBody = {
  serial: newSerial(entropy),
  commonName: 'dev-1',
  notBefore: now - day,
  notAfter: now + day,
  spki: spkiOf(key),
  usages: { keyUsage: ['digitalSignature'], extendedKeyUsage: ['clientAuth'] },
  uri: 'urn:nolapse:device:dev-1',
  locations,
};

describe('signLeaf', () => {
  it('writes what another implementation reads', () => {
    const issuer = issuerFor();
    const read = new x509.X509Certificate(new Uint8Array(signLeaf(body, issuer)));
    expect(read.subject).toBe('CN=dev-1');
    expect(read.issuer).toBe('CN=issuing');
    expect(read.serialNumber.replace(/^00/, '')).toBe(body.serial);
    expect(read.notBefore.getTime()).toBe(body.notBefore);
    expect(read.notAfter.getTime()).toBe(body.notAfter);
    const constraints = read.getExtension(x509.BasicConstraintsExtension);
    expect(constraints).toMatchObject({ ca: false, critical: true });
    expect(read.getExtension(x509.KeyUsagesExtension)).toMatchObject({
      critical: true,
      usages: x509.KeyUsageFlags.digitalSignature,
    });
    expect(read.getExtension(x509.ExtendedKeyUsageExtension)?.usages).toEqual([x509.ExtendedKeyUsage.clientAuth]);
    const names = read.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON();
    expect(names).toEqual([{ type: 'url', value: 'urn:nolapse:device:dev-1' }]);
    expect(read.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId).toBe(
      Buffer.from(keyIdentifier(body.spki)).toString('hex'),
    );
    expect(read.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId).toBe(
      Buffer.from(issuer.keyId).toString('hex'),
    );
    expect(read.getExtension(x509.AuthorityInfoAccessExtension)?.caIssuers.map((name) => name.value)).toEqual([
      locations.caIssuersUrl,
    ]);
    const points = read.getExtension(x509.CRLDistributionPointsExtension)?.distributionPoints;
    expect(points?.[0]?.distributionPoint?.fullName?.[0]?.uniformResourceIdentifier).toBe(locations.crlUrl);
  });

  it.each([
    ['P-256', ecKey('P-256')],
    ['P-384', ecKey('P-384')],
    ['RSA', rsaKey(2_048)],
  ])('signs with %s so that OpenSSL verifies it', (_name, own) => {
    const certificate = new X509Certificate(signLeaf(body, issuerFor(own)));
    expect(certificate.verify(createPublicKey(own))).toBe(true);
    expect(certificate.verify(createPublicKey(ecKey()))).toBe(false);
    expect(certificate.checkPrivateKey(key)).toBe(true);
    expect(certificate.ca).toBe(false);
  });

  it('makes the same body from the same values', () => {
    const issuer = issuerFor();
    const [first, second] = [signLeaf(body, issuer), signLeaf(body, issuer)].map(readCertificate);
    expect(first?.signed.body.raw).toEqual(second?.signed.body.raw);
  });

  it('writes times on both sides of 2050', () => {
    const [before, after] = [Date.UTC(2049, 11, 31, 23, 59, 59), Date.UTC(2050, 0, 1)];
    const read = readCertificate(signLeaf({ ...body, notBefore: before, notAfter: after }, issuerFor()));
    expect([read.notBefore, read.notAfter]).toEqual([before, after]);
    const certificate = new X509Certificate(signLeaf({ ...body, notAfter: after }, issuerFor()));
    expect(certificate.validTo).toBe('Jan  1 00:00:00 2050 GMT');
  });
});

describe('signServer', () => {
  it('writes the names of servers, and nothing that makes it long', () => {
    const hosts = [{ dns: 'broker.example' }, { address: Uint8Array.of(127, 0, 0, 1) }];
    const issuer = issuerFor();
    const der = signServer({ ...body, hosts }, issuer);
    expect(new X509Certificate(der).subjectAltName).toBe('DNS:broker.example, IP Address:127.0.0.1');
    const read = new x509.X509Certificate(new Uint8Array(der));
    expect(read.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId).toBe(
      Buffer.from(issuer.keyId).toString('hex'),
    );
    expect(read.extensions).toHaveLength(5);
  });
});

describe('signCa', () => {
  it.each([0, 1, null])('makes a CA of the path length it is given: %s', (pathLength) => {
    const usages = { keyUsage: ['keyCertSign', 'cRLSign'], extendedKeyUsage: [] } as const;
    const der = signCa({ ...body, usages, pathLength }, issuerFor());
    expect(new X509Certificate(der).ca).toBe(true);
    expect(readCertificate(der)).toMatchObject({ ca: { is: true, pathLength }, keyCertSign: true, purposes: null });
  });
});

describe('newSerial', () => {
  const from = (octets: number[]) =>
    newSerial({ bytes: () => Uint8Array.from([...Array(16 - octets.length).fill(0), ...octets]) });

  it('is positive, in whole octets, without leading zeros, and never zero', () => {
    expect(from([0x80, 1])).toBe('8001');
    expect(from([0x0a])).toBe('0a');
    expect(from([])).toBe('01');
  });

  it('is read back from the certificate it is in', () => {
    const issuer = issuerFor();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const serial = newSerial({ bytes: () => bytes });
        expect(readCertificate(signLeaf({ ...body, serial }, issuer)).serial).toBe(serial);
      }),
      { numRuns: 50 },
    );
  });
});

describe('inspectCertificate', () => {
  const der = signLeaf(body, issuerFor());

  it('says what the ledger keeps', () => {
    expect(inspectCertificate(der)).toEqual({
      fingerprint: new X509Certificate(der).fingerprint256.replaceAll(':', '').toLowerCase(),
      serial: body.serial,
      keyFingerprint: fingerprintOf(body.spki),
      notBefore: body.notBefore,
      notAfter: body.notAfter,
      commonName: 'dev-1',
      uris: ['urn:nolapse:device:dev-1'],
    });
  });

  it('agrees with OpenSSL about a certificate it did not make', async () => {
    const algorithm = {
      name: 'RSASSA-PKCS1-v1_5',
      hash: 'SHA-256',
      publicExponent: Uint8Array.of(1, 0, 1),
      modulusLength: 2_048,
    };
    const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const made = await x509.X509CertificateGenerator.createSelfSigned({
      name: 'CN=legacy-7,O=Old Fleet',
      serialNumber: '00ff01',
      notBefore: new Date(now),
      notAfter: new Date(now + day),
      keys,
      signingAlgorithm: algorithm,
    });
    const theirs = new Uint8Array(made.rawData);
    expect(inspectCertificate(theirs)).toMatchObject({
      serial: 'ff01',
      commonName: 'legacy-7',
      uris: [],
      notAfter: now + day,
    });
    expect(new X509Certificate(theirs).serialNumber).toBe('FF01');
  });

  it('throws nothing but DerError, whatever the bytes', () => {
    const inspect = (bytes: Uint8Array) => {
      try {
        inspectCertificate(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(DerError);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), inspect), { numRuns: 1_000 });
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.nat(255), (at, value) => inspect(der.with(at, value))),
      { numRuns: 1_000 },
    );
    expect(() => inspectCertificate(Buffer.concat([der, Buffer.of(0)]))).toThrow(DerError);
  });
});
