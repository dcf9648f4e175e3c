// Has the authority sign what was accepted, and writes the certificate into the ledger before anyone hears of it.
import { issuedEntry } from '../../domain/issued-entry.ts';
import { change, step } from '../change.ts';
import type { App } from '../context.ts';

/**
 * Carries out the `issue` effect. Everything the signature covers was settled when the request was accepted, so a second
 * signing after a crash is of the same certificate; only one of them ever enters the ledger or leaves the process.
 * @returns false when nothing was left to ask the authority for.
 */
export async function issue(app: App, renewalId: string): Promise<boolean> {
  const request = await app.store.read.request(renewalId);
  const renewal = await app.store.read.renewal(renewalId);
  if (!request || renewal?.state !== 'requested') return false;
  const shard = await app.crls.forNew();
  const issued = await app.authority.issue(request, shard?.url ?? undefined);
  await change(app, async (within) => {
    const { tx, now } = within;
    const current = await tx.renewal(renewalId);
    const settled = await tx.request(renewalId);
    const principal = current && (await tx.principal(current.principalId));
    if (current?.state !== 'requested' || settled?.serial !== request.serial || principal?.status !== 'active') return;
    await tx.putCertificate(issuedEntry(request, issued, renewalId, now));
    if (shard) await tx.nameShard(issued.fingerprint, shard.shard);
    await step(within, current, { type: 'issued', fingerprint: issued.fingerprint }, principal);
    await tx.owe({ kind: 'prompt', renewalId });
  });
  return true;
}
