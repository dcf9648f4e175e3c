// A certificate that says the name of a CA and can vouch for nobody: TLS lists its name for clients that choose their certificate by
// it, and finds no chain that ends there. No key of it was ever made, and nobody can sign with it.
import { randomBytes } from 'node:crypto';
import { nameOf } from './certificate.ts';
import { bitString, contextTag, encode, oid, sequence, smallInteger, time } from './der.ts';
import { keyUsage, subjectKeyIdentifier } from './extensions.ts';
import { oids } from './oids.ts';
import { readAdopted } from './x509.ts';

const [keyBytes, signatureBytes, keyIdBytes] = [32, 64, 20];
const ed25519 = sequence(oid(oids.ed25519));
const version3 = encode(contextTag(0, true), smallInteger(2));
/** No certificate in TLS's store has this name, so that what is found by the CA's name is found to be incomplete. */
const nobody = nameOf('nobody');
/** It has ended long ago. */
const ended = time(0);

/**
 * DER of a certificate with the subject of this one. Its key, its key identifier and its signature are random, it is no CA, and its
 * issuer is nobody. @throws DerError when the subject cannot be read.
 */
export function nameOnly(ca: Uint8Array): Uint8Array {
  const body = sequence(
    version3,
    smallInteger(1),
    ed25519,
    nobody,
    sequence(ended, ended),
    readAdopted(ca).subject,
    sequence(ed25519, bitString(randomBytes(keyBytes))),
    encode(
      contextTag(3, true),
      sequence(keyUsage(['digitalSignature']), subjectKeyIdentifier(randomBytes(keyIdBytes))),
    ),
  );
  return sequence(body, ed25519, bitString(randomBytes(signatureBytes)));
}
