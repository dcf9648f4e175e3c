// Has the authority certify what was accepted, and writes the certificate into the ledger before anyone hears of it.
import type { RevocationList } from '../../domain/revocation-list.ts';
import { type Changing, change, step } from '../change.ts';
import type { Context } from '../context.ts';
import { askAuthority } from './ask-authority.ts';

export type IssueContext = Changing & Pick<Context, 'authority' | 'policies'> & WithShards;

/** Gives the shard of the revocation lists that a new certificate is to name; null: none. */
export interface WithShards {
  readonly crls: { forNew(): Promise<RevocationList | null> };
}

/** What came of it; `nothing`: nothing was left to ask the authority for. */
export type Issued =
  | { readonly kind: 'nothing' | 'issued' }
  | { readonly kind: 'pending'; readonly askAgainMs: number };

/**
 * Carries out the `issue` effect of this id, and settles it with what it brings. The request was kept before, and everything it asks for was settled when it was accepted. Asked
 * again after a crash an authority may make a second certificate; only one of them ever enters the ledger or leaves the process.
 */
export async function issue(app: IssueContext, renewalId: string, effectId: number): Promise<Issued> {
  const request = await app.store.read.request(renewalId);
  const renewal = await app.store.read.renewal(renewalId);
  if (!request || renewal?.state !== 'requested') return { kind: 'nothing' };
  const list = await app.crls.forNew();
  const answer = await askAuthority(app, request, renewalId, list);
  if (answer.kind === 'pending') return answer;
  const { entry } = answer;
  await change(app, async (within) => {
    const { tx } = within;
    await tx.complete(effectId);
    const current = await tx.renewal(renewalId);
    const settled = await tx.request(renewalId);
    const principal = current && (await tx.principal(current.principalId));
    if (current?.state !== 'requested' || settled?.serial !== request.serial || principal?.status !== 'active') return;
    await tx.putCertificate(entry);
    if (list) await tx.nameShard(entry.fingerprint, list.shard);
    await step(within, current, { type: 'issued', fingerprint: entry.fingerprint }, principal);
    await tx.enqueue({ kind: 'prompt', renewalId });
  });
  return { kind: 'issued' };
}
