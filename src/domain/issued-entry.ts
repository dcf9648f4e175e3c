// The row a certificate begins its life in the ledger with: issued, and not yet seen in use.
import type { Fingerprint, LedgerEntry } from './certificate.ts';
import type { ApprovedRequest } from './request.ts';
import type { Instant } from './time.ts';

/** `renewalId` is the renewal it was issued for; null for one issued by hand. */
export function issuedEntry(
  request: ApprovedRequest,
  { der, fingerprint }: { readonly der: Uint8Array; readonly fingerprint: Fingerprint },
  renewalId: string | null,
  issuedAt: Instant,
): LedgerEntry {
  return {
    fingerprint,
    serial: request.serial,
    principalId: request.principalId,
    state: 'issued',
    notBefore: request.notBefore,
    notAfter: request.notAfter,
    keyFingerprint: request.keyFingerprint,
    der,
    renewalId,
    issuedAt,
    activatedAt: null,
    lastSeenAt: null,
    renewAt: null,
    overlapUntil: null,
    revokedAt: null,
    revocationReason: null,
  };
}
