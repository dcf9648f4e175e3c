// Certificates that carry the name of a CA: the name is the CA's, and all that could vouch for somebody is missing or nobody's.
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { expect, it } from 'vitest';
import { nameOnly } from '../../src/pki/name-only.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { readCertificate } from '../../src/pki/x509.ts';
import { makeCa, makeLeaf } from '../scenarios/ca.ts';

const ca = makeCa('Plant 7, Köln', null);
const [der = new Uint8Array()] = pemToDer(ca.pem, 'CERTIFICATE') ?? [];

it('has the very bytes of the subject, and neither key, key identifier nor issuer of the CA', () => {
  const [ours, theirs] = [new X509Certificate(nameOnly(der)), new X509Certificate(der)];
  const [read, genuine] = [readCertificate(new Uint8Array(ours.raw)), readCertificate(der)];
  expect(read.subject).toEqual(genuine.subject);
  expect(read.issuer).not.toEqual(genuine.issuer);
  expect(read.subjectKeyId).not.toEqual(genuine.subjectKeyId);
  expect(read.key.fingerprint).not.toBe(genuine.key.fingerprint);
  expect(theirs.ca).toBe(true);
  expect(ours.ca).toBe(false);
  expect(read.keyCertSign).toBe(false);
  expect(read.notAfter).toBeLessThan(Date.now());
});

it('has another key each time, which signed nothing', () => {
  const [one, other] = [new X509Certificate(nameOnly(der)), new X509Certificate(nameOnly(der))];
  expect(one.raw.equals(other.raw)).toBe(false);
  const leaf = new X509Certificate(makeLeaf('pump-1', ca.issuer).certificatePem);
  expect(leaf.checkIssued(new X509Certificate(ca.pem))).toBe(true);
  expect(leaf.checkIssued(one)).toBe(false);
  // It is not even its own issuer.
  expect(one.checkIssued(one)).toBe(false);
  const { privateKey } = generateKeyPairSync('ed25519');
  expect(one.checkPrivateKey(createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })))).toBe(false);
});

it('is taken by OpenSSL, for CAs with any kind of key', () => {
  expect(() => createSecureContext({ ca: [new X509Certificate(nameOnly(der)).toString()] })).not.toThrow();
});
