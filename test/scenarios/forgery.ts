// What an attacker can make: a certificate that says everything ours says, but for the signature.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { Credentials } from './harness.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

/** Copies subject, issuer's name and serial of the leaf in `pem`, without an AKI, and signs with a key of our own. */
export async function forge(pem: string, { notAfter }: { notAfter: Date }): Promise<Credentials> {
  const genuine = new x509.X509Certificate(pem.slice(0, pem.indexOf('-----END CERTIFICATE-----') + 25));
  const own = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const attacker = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const forged = await x509.X509CertificateGenerator.create({
    serialNumber: genuine.serialNumber,
    subject: genuine.subject,
    issuer: genuine.issuer,
    notBefore: new Date(notAfter.getTime() - 3_600_000),
    notAfter,
    publicKey: own.publicKey,
    signingKey: attacker.privateKey,
    signingAlgorithm: algorithm,
    extensions: [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', own.privateKey)).toString('base64');
  return {
    certificatePem: forged.toString('pem'),
    keyPem: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
  };
}
