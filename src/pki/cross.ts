// A root certified by another root (RFC 4210, 4.4, newWithOld): the same name, key and key identifier, byte for byte. Some TLS stacks find
// a chain only so.

import type { Serial } from '../domain/certificate.ts';
import type { Instant } from '../domain/time.ts';
import { contextTag, derTrue, encode, octetString, oid, sequence, smallInteger, time } from './der.ts';
import { authorityKeyIdentifier } from './extensions.ts';
import { oids } from './oids.ts';
import { serialInteger } from './serial.ts';
import type { CertificateFacts } from './x509.ts';

/** Who signs it. */
export interface CrossIssuer {
  /** DER of its Name. */
  readonly name: Uint8Array;
  readonly keyId: Uint8Array;
  /** DER of the AlgorithmIdentifier. */
  readonly algorithm: Uint8Array;
}

/** What is taken from the root's own certificate; the authority key identifier holds the key id alone, or OpenSSL and Java find no chain. */
const copied = [oids.basicConstraints, oids.keyUsage, oids.subjectKeyIdentifier] as const;

/** DER of the TBSCertificate: the bytes that are signed. */
export function crossBody(
  root: Pick<CertificateFacts, 'subject' | 'key' | 'extensions'>,
  issuer: CrossIssuer,
  validity: { readonly serial: Serial; readonly notBefore: Instant; readonly notAfter: Instant },
): Uint8Array {
  const extensions = copied.flatMap((id) => {
    const found = root.extensions.get(id);
    if (!found) return [];
    return [sequence(oid(id), ...(found.critical ? [derTrue] : []), octetString(found.value))];
  });
  return sequence(
    encode(contextTag(0, true), smallInteger(2)),
    serialInteger(validity.serial),
    issuer.algorithm,
    issuer.name,
    sequence(time(validity.notBefore), time(validity.notAfter)),
    root.subject,
    root.key.spki,
    encode(contextTag(3, true), sequence(...extensions, authorityKeyIdentifier(issuer.keyId))),
  );
}
