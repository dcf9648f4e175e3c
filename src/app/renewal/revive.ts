// Takes back what a clock that was set too far ahead has brought about: a certificate that counts as expired is still good, and
// its device is here with it.
import type { LedgerEntry } from '../../domain/certificate.ts';
import type { Principal } from '../../domain/principal.ts';
import { awaitDevice } from '../../domain/renewal.ts';
import type { Change } from '../change.ts';
import type { Context } from '../context.ts';
import { dueAt } from './due.ts';

/** Makes a certificate that was in use active again, within a change; its open renewal has missed nothing. */
export async function reviveWithin(
  within: Change<Pick<Context, 'policies' | 'settings'>>,
  entry: LedgerEntry,
  principal: Principal,
): Promise<void> {
  const { tx, now, record } = within;
  const renewal = await tx.openRenewalFor(entry.fingerprint);
  if (renewal) await tx.putRenewal(awaitDevice({ ...renewal, lapsedAt: null, updatedAt: now }));
  const renewAt = renewal ? null : Math.max(now, await dueAt(within, entry, principal));
  await tx.putCertificate({ ...entry, state: 'active', lastSeenAt: now, renewAt });
  await record({
    action: 'certificate.revived',
    message: `${entry.principalId}: its certificate counted as expired and is in its lifetime: the clock was wrong`,
    principalId: entry.principalId,
    ...(renewal && { renewalId: renewal.id }),
    fields: { 'tls.client.hash.sha256': entry.fingerprint },
  });
}
