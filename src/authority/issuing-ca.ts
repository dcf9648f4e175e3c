// The issuing CA as its files have it, ready to sign, and checked: key, certificate and root belong together. The root's
// key is not touched.
import { join } from 'node:path';
import type { Fingerprint } from '../domain/certificate.ts';
import { NolapseError } from '../domain/errors.ts';
import { firstIssuer } from '../domain/issuing-slots.ts';
import type { Issuer } from '../pki/certificate.ts';
import { importKey } from '../pki/public-key.ts';
import { signatureVerifies, signerFor } from '../pki/signature.ts';
import { type CertificateFacts, fingerprintOf, readCertificate } from '../pki/x509.ts';
import type { Chain } from '../ports/authority.ts';
import { issuingPair, rootPair } from './files.ts';
import { type CertificateChain, readCertificates, readPair } from './key-pair.ts';

export interface IssuingCa {
  readonly number: number;
  readonly issuer: Issuer;
  readonly facts: CertificateFacts;
  /** DER, the issuing CA first, the root left out. */
  readonly chain: Chain;
  /** DER. */
  readonly root: Uint8Array;
}

/** A CA's pair as an issuer. Fails with NolapseError `not_a_ca` when its certificate does not let it issue. */
export function issuerOf({ facts, key }: CertificateChain & { readonly key: Issuer['signer']['key'] }): Issuer {
  const { ca, keyCertSign, subject, subjectKeyId } = facts;
  if (!ca.is || keyCertSign === false || !subjectKeyId) {
    throw new NolapseError('not_a_ca', 'the certificate is no CA with keyCertSign and a subject key identifier');
  }
  return { name: subject, keyId: subjectKeyId, signer: signerFor(key) };
}

function isSignedBy(subject: CertificateFacts, issuer: CertificateFacts): boolean {
  const key = importKey(issuer.key);
  return Buffer.compare(subject.issuer, issuer.subject) === 0 && key !== null && signatureVerifies(subject.signed, key);
}

/** Which issuing CA, and the one that the ledger knows under this number. */
export interface Named {
  readonly number: number;
  readonly root: number;
  /** SHA-256 of its certificate; null: any. */
  readonly fingerprint: Fingerprint | null;
}

const first: Named = { number: firstIssuer, root: 1, fingerprint: null };

/** Reads its certificate without its key. Fails as {@link openIssuingCa}, but for what is said of the key. */
export function readIssuingCa(dir: string, named: Named = first): Omit<IssuingCa, 'issuer'> {
  const { number, root: above, fingerprint } = named;
  const [name, rootName] = [issuingPair(number), rootPair(above)];
  const root = readCertificates(dir, `${rootName}.crt`);
  const certificates = readCertificates(dir, `${name}.crt`);
  const found = fingerprintOf(certificates.ders[0]);
  if (fingerprint !== null && found !== fingerprint) {
    const detail = `${join(dir, name)}.crt has the SHA-256 ${found}, and the ledger knows issuing CA ${number} as ${fingerprint}`;
    throw new NolapseError('pki_mismatch', `${detail}: put that one back`);
  }
  const path = [...certificates.ders.map(readCertificate), root.facts];
  path.slice(1).forEach((issuer, index) => {
    const subject = path[index];
    if (subject && isSignedBy(subject, issuer)) return;
    throw new NolapseError('broken_chain', `${join(dir, name)}.crt does not lead to ${rootName}.crt`);
  });
  return { number, facts: certificates.facts, chain: certificates.ders, root: root.ders[0] };
}

/**
 * Opens an issuing CA. Fails with NolapseError `pki_file_missing`, `pki_malformed`, `passphrase_missing`, `passphrase_wrong`,
 * `key_mismatch`, `not_a_ca`, `broken_chain` when its certificate does not lead to its root signature by signature, or `pki_mismatch`
 * when it is another one than the ledger knows.
 */
export function openIssuingCa(dir: string, passphrase: string | undefined, named: Named = first): IssuingCa {
  const certificate = readIssuingCa(dir, named);
  const pair = readPair(dir, issuingPair(named.number), passphrase);
  return { ...certificate, issuer: issuerOf(pair) };
}
