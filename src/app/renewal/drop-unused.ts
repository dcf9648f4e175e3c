// Takes a replacement out of the world that was issued and never used, because another is made in its place.
import type { Renewal } from '../../domain/renewal.ts';
import type { Change } from '../change.ts';
import { oweRevocation, type Revoking } from './owe-revocation.ts';

/** A new key makes the certificate over the one before it needless: it was never seen in use, and must not be. */
export async function dropUnused(within: Change<Revoking>, renewal: Renewal): Promise<void> {
  const { tx, now } = within;
  const unused = renewal.newFingerprint && (await tx.certificate(renewal.newFingerprint));
  if (unused && unused.state === 'issued') {
    const revoked = { ...unused, state: 'revoked', revokedAt: now, revocationReason: 'superseded' } as const;
    await tx.putCertificate(revoked);
    await oweRevocation(within, revoked);
  }
}
