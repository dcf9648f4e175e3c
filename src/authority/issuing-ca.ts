// The issuing CA as its files have it, ready to sign, and checked: key, certificate and root belong together. The root's
// key is not touched.
import { join } from 'node:path';
import { NolapseError } from '../domain/errors.ts';
import type { Issuer } from '../pki/certificate.ts';
import { importKey } from '../pki/public-key.ts';
import { signatureVerifies, signerFor } from '../pki/signature.ts';
import { type CertificateFacts, readCertificate } from '../pki/x509.ts';
import type { Chain } from '../ports/authority.ts';
import { type CertificateChain, readCertificates, readPair } from './key-pair.ts';

export interface IssuingCa {
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

/**
 * Opens the issuing CA. Fails with NolapseError `pki_file_missing`, `pki_malformed`, `passphrase_missing`, `passphrase_wrong`,
 * `key_mismatch`, `not_a_ca`, or `broken_chain` when issuing.crt does not lead to root.crt signature by signature.
 */
export function openIssuingCa(dir: string, passphrase: string | undefined): IssuingCa {
  const root = readCertificates(dir, 'root.crt');
  const pair = readPair(dir, 'issuing', passphrase);
  const path = [...pair.ders.map(readCertificate), root.facts];
  path.slice(1).forEach((issuer, index) => {
    const subject = path[index];
    if (subject && isSignedBy(subject, issuer)) return;
    throw new NolapseError('broken_chain', `${join(dir, 'issuing.crt')} does not lead to root.crt`);
  });
  return { issuer: issuerOf(pair), facts: pair.facts, chain: pair.ders, root: root.ders[0] };
}
