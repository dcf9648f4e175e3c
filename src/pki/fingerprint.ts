// The name by which the ledger knows bytes.
import { hash } from 'node:crypto';
import type { Fingerprint } from '../domain/certificate.ts';

/** Lower-case hex SHA-256 of a certificate's DER, or of a SubjectPublicKeyInfo's. */
export function fingerprintOf(der: Uint8Array): Fingerprint {
  return hash('sha256', der, 'hex') as Fingerprint;
}
