// The name by which the ledger knows bytes.
import { createHash } from 'node:crypto';
import type { Fingerprint } from '../domain/certificate.ts';

/** Lower-case hex SHA-256 of a certificate's DER, or of a SubjectPublicKeyInfo's. */
export function fingerprintOf(der: Uint8Array): Fingerprint {
  return createHash('sha256').update(der).digest('hex') as Fingerprint;
}
