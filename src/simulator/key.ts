// The device's own key and its certificate request, and what it can tell of a certificate it was given.
import 'reflect-metadata';
import { createPrivateKey, generateKeyPair, webcrypto, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import type { PrincipalId } from '../domain/principal.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A new P-256 key and a request for it, named `CN=<id>` and nothing more: the broker knows the rest. */
export async function makeRequest(id: PrincipalId): Promise<{ keyPem: string; csr: Uint8Array }> {
  const pair = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const { subtle } = webcrypto;
  const pkcs8 = pair.privateKey.export({ type: 'pkcs8', format: 'der' });
  const spki = pair.publicKey.export({ type: 'spki', format: 'der' });
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [id] }],
    keys: {
      privateKey: await subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
      publicKey: await subtle.importKey('spki', spki, algorithm, true, ['verify']),
    },
    signingAlgorithm: algorithm,
  });
  const keyPem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { keyPem, csr: new Uint8Array(request.rawData) };
}

export interface CertificateFacts {
  /** SHA-256 of the leaf's DER, in lower-case hex. */
  readonly fingerprint: string;
  /** Unix milliseconds. */
  readonly notAfter: number;
}

/** Reads the leaf of a PEM bundle; throws when there is none. */
export function readCertificate(certificatePem: string): CertificateFacts {
  const leaf = new X509Certificate(certificatePem);
  return {
    fingerprint: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    notAfter: Date.parse(leaf.validTo),
  };
}

/** DER of what follows the leaf in a PEM bundle, where that is the chain of this certificate too: its issuer may be another by now. */
export function chainAbove(certificate: Uint8Array, certificatePem: string): Uint8Array[] {
  const [, ...rest] = certificatePem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const chain = rest.map((pem) => new X509Certificate(pem));
  const isItsIssuer = chain[0] !== undefined && new X509Certificate(certificate).checkIssued(chain[0]);
  return isItsIssuer ? chain.map(({ raw }) => raw) : [];
}

/** Turns the DER certificates of a message into PEM when the first is over this key; null when it is not. */
export function matchKey(certificates: readonly Uint8Array[], keyPem: string): string | null {
  try {
    const [leaf, ...chain] = certificates.map((der) => new X509Certificate(der));
    if (!leaf?.checkPrivateKey(createPrivateKey(keyPem))) return null;
    return [leaf, ...chain].map((each) => each.toString()).join('');
  } catch {
    return null;
  }
}
