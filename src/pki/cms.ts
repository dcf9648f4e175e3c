// Certificates as a certs-only CMS message (RFC 5652 SignedData without signers, the `.p7c` of RFC 7030 and RFC 5280,
// 4.2.2.1). It carries certificates and proves nothing.
import { contextTag, encode, oid, sequence, set, smallInteger } from './der.ts';
import { oids } from './oids.ts';

/** DER of a degenerate SignedData that holds these certificates, in this order. */
export function certsOnly(certificates: readonly Uint8Array[]): Uint8Array {
  const signedData = sequence(
    smallInteger(1),
    set(),
    sequence(oid(oids.cmsData)),
    encode(contextTag(0, true), ...certificates),
    set(),
  );
  return sequence(oid(oids.cmsSignedData), encode(contextTag(0, true), signedData));
}
