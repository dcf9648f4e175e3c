// Makes a PKCS#10 request (RFC 2986) for a key that was made here, for authorities that certify no key without one.
import { createPublicKey, type KeyObject } from 'node:crypto';
import { nameOf } from './certificate.ts';
import { contextTag, encode, sequence, smallInteger } from './der.ts';
import { seal, signerFor } from './signature.ts';

/** DER of a request that names nothing but `CN=commonName`. Fails with NolapseError `unsupported_key` as {@link signerFor}. */
export function makeCsr(commonName: string, key: KeyObject): Uint8Array {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const noAttributes = encode(contextTag(0, true));
  return seal(sequence(smallInteger(0), nameOf(commonName), spki, noAttributes), signerFor(key));
}
