// Takes a replacement out of the world that was issued and never used, because another is made in its place.
import type { Renewal } from '../../domain/renewal.ts';
import type { Change } from '../change.ts';

/** A new key makes the certificate over the one before it needless: it was never seen in use, and must not be. */
export async function dropUnused({ tx, now }: Change, renewal: Renewal): Promise<void> {
  const unused = renewal.newFingerprint && (await tx.certificate(renewal.newFingerprint));
  if (unused && unused.state === 'issued') {
    await tx.putCertificate({ ...unused, state: 'revoked', revokedAt: now, revocationReason: 'superseded' });
  }
}
