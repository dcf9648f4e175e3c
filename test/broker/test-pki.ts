// A certificate authority for the broker's tests: P-256, made anew for each test file.
import 'reflect-metadata';
import { createHash, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { Fingerprint } from '../../src/domain/certificate.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

export interface Credential {
  readonly cert: string;
  readonly key: string;
  readonly der: Uint8Array;
  readonly fingerprint: Fingerprint;
}

export interface TestAuthority {
  readonly ca: string;
  issue(name: string, options?: { notAfter?: Date; server?: boolean }): Promise<Credential>;
}

let serial = 1;

export async function createTestAuthority(name = 'Test CA'): Promise<TestAuthority> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${name}`,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 86_400_000),
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
  });
  return {
    ca: root.toString('pem'),
    issue: async (subject, options = {}) => {
      const own = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
      serial += 1;
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: serial.toString(16).padStart(4, '0'),
        subject: `CN=${subject}`,
        issuer: root.subject,
        notBefore: new Date(Date.now() - 60_000),
        notAfter: options.notAfter ?? new Date(Date.now() + 3_600_000),
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        extensions: options.server
          ? [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }])]
          : [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])],
      });
      const der = new Uint8Array(certificate.rawData);
      const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', own.privateKey)).toString('base64');
      return {
        cert: certificate.toString('pem'),
        key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
        der,
        fingerprint: createHash('sha256').update(der).digest('hex') as Fingerprint,
      };
    },
  };
}

/** A client's credential whose chain has so many certificates on P-521, each issued by the one above: PEM, leaf first. */
export async function longChain(length: number): Promise<{ readonly cert: string; readonly key: string }> {
  const slow = { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' };
  const keys = await webcrypto.subtle.generateKey(slow, true, ['sign', 'verify']);
  const chain: string[] = [];
  for (let place = 0; place < length; place += 1) {
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: (place + 1).toString(16).padStart(4, '0'),
      subject: `CN=${place}`,
      issuer: `CN=${place === 0 ? 0 : place - 1}`,
      notBefore: new Date(Date.now() - 60_000),
      notAfter: new Date(Date.now() + 86_400_000),
      publicKey: keys.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: slow,
      extensions: [new x509.BasicConstraintsExtension(place < length - 1, undefined, true)],
    });
    chain.unshift(certificate.toString('pem'));
  }
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`;
  return { cert: `${chain.join('\n')}\n`, key };
}
