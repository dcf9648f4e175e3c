// Ends a certificate's service: at the end of its overlap, or because it expired. What retires is revoked, as superseded or for the
// reason of the campaign that replaced it, so that it is refused everywhere the CRL is read.
import type { LedgerEntry, RevocationReason } from '../../domain/certificate.ts';
import type { Change } from '../change.ts';
import { campaignOf } from './campaign-of.ts';
import { oweRevocation, type Revoking } from './owe-revocation.ts';

/** Retires a superseded or expired certificate within a change: revoked, listed, its sessions ended. Twice is once. */
export async function retireWithin(within: Change<Revoking>, entry: LedgerEntry): Promise<void> {
  const { tx, now } = within;
  if (entry.state !== 'superseded' && entry.state !== 'expired') return;
  const retired = {
    ...entry,
    state: 'retired',
    renewAt: null,
    overlapUntil: entry.overlapUntil ?? now,
    revokedAt: now,
    revocationReason: await reasonFor(within, entry),
  } as const;
  await tx.putCertificate(retired);
  await oweRevocation(within, retired);
  await tx.enqueue({ kind: 'close-certificate', fingerprint: entry.fingerprint, reason: 'overlap_ended' });
}

/** A renewal that replaced it has not ended before it retires. */
async function reasonFor({ tx }: Change, entry: LedgerEntry): Promise<RevocationReason> {
  for (const renewal of await tx.unendedRenewals(entry.principalId)) {
    const campaign = await campaignOf(tx, renewal);
    if (campaign?.reasonCode != null && renewal.createdAt >= entry.issuedAt) return campaign.reasonCode;
  }
  return 'superseded';
}
