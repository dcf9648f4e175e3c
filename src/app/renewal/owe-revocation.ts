// Owes the authority word of a certificate that is revoked, where it issued that certificate and takes such word.

import type { LedgerEntry } from '../../domain/certificate.ts';
import { revocationEffect } from '../../domain/effect.ts';
import type { Authority } from '../../ports/authority.ts';
import type { Change } from '../change.ts';
import { mayBeIssuedBy } from '../trust.ts';

/** What revoking takes of the authority: it signs nothing. */
export interface Revoking {
  readonly authority: Pick<Authority, 'trust' | 'revoke'>;
}

/** @param revoked as the ledger has it from now on. The same certificate twice is once. */
export async function oweRevocation(
  { app, tx }: Change<Revoking>,
  revoked: Pick<LedgerEntry, 'fingerprint' | 'der' | 'revocationReason'>,
): Promise<void> {
  if (!app.authority.revoke || !mayBeIssuedBy(app, revoked.der)) return;
  await tx.enqueue(revocationEffect(revoked));
}
