// A device's proof that it holds a certificate's key: a signature over short text, as `openssl dgst -sha256 -sign` makes it. What
// the text has to be, the domain says.
import { verify } from 'node:crypto';
import { importKey, rsaBitsVerifiedMax } from './public-key.ts';
import { readAdopted } from './x509.ts';

/** The longest signature there is to verify, in bytes: one by the largest RSA key. */
const proofBytesMax = rsaBitsVerifiedMax / 8;

/** With Ed25519 the digest is part of the algorithm (RFC 8032); ECDSA (RFC 3279, 2.2.3) and RSA (PKCS #1 v1.5) take SHA-256. */
const digests: ReadonlyMap<string, 'sha256' | null> = new Map([
  ['ec', 'sha256'],
  ['rsa', 'sha256'],
  ['ed25519', null],
]);

/** Is `proof` a signature over `text` by the key of this certificate (DER)? False for whatever cannot be one. Never throws. */
export function proofVerifies(text: string, proof: Uint8Array, certificate: Uint8Array): boolean {
  if (proof.length === 0 || proof.length > proofBytesMax) return false;
  try {
    const facts = readAdopted(certificate).key;
    const key = facts.algorithm !== null && facts.bits <= rsaBitsVerifiedMax ? importKey(facts) : null;
    const digest = digests.get(key?.asymmetricKeyType ?? '');
    return key !== null && digest !== undefined && verify(digest, Buffer.from(text, 'latin1'), key, proof);
  } catch {
    return false;
  }
}
