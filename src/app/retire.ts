// Ends a certificate's service: at the end of its overlap, or because it expired. What retires is revoked as superseded, so
// that it is refused everywhere the CRL is read.
import type { LedgerEntry } from '../domain/certificate.ts';
import type { Change } from './change.ts';

/** Retires a superseded or expired certificate within a change: revoked, listed, its sessions ended. Twice is once. */
export async function retireWithin({ tx, now }: Change, entry: LedgerEntry): Promise<void> {
  if (entry.state !== 'superseded' && entry.state !== 'expired') return;
  await tx.putCertificate({
    ...entry,
    state: 'retired',
    renewAt: null,
    overlapUntil: entry.overlapUntil ?? now,
    revokedAt: now,
    revocationReason: 'superseded',
  });
  await tx.owe({ kind: 'close-certificate', fingerprint: entry.fingerprint, reason: 'overlap_ended' });
  if (entry.notAfter > now) await tx.owe({ kind: 'publish-crl' });
}
