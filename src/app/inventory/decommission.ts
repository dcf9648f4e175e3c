// Ends or suspends a principal's right to connect: everything that follows from it is in one transaction with it.
import type { Principal, PrincipalId } from '../../domain/principal.ts';
import { isOpen } from '../../domain/renewal.ts';
import { type Change, type Changing, change, step } from '../change.ts';
import type { Context } from '../context.ts';
import { carrier } from '../dry-run.ts';
import { OperationError } from '../operation-error.ts';
import { campaignOf } from '../renewal/campaign-of.ts';
import { resumeWithin } from '../renewal/due.ts';
import { heldBy } from '../renewal/held.ts';
import { cohortCounted } from '../renewal/open-renewal.ts';
import type { Revoking } from '../renewal/owe-revocation.ts';
import { revokeWithin } from '../renewal/revoke.ts';
import type { Dryable } from '../views/decisions.ts';
import type { DecommissionedView, QuarantinedView } from '../views/devices.ts';
import { appWithout, type CutOffContext, cutOffFrom } from './cut-off.ts';
import { revokeDelegationsOf } from './delegate.ts';

type DecommissionContext = CutOffContext & Changing;

/** Delegations of a gateway by which those are found that it leaves without a way to renew. */
const delegationsMax = 1_000;

interface Decommissioning extends Dryable {
  readonly id: PrincipalId;
  readonly reason: string;
}

/** Decommissions a principal: certificates and delegations revoked, renewals cancelled, sessions ended. Twice is once. */
export async function decommission(
  app: DecommissionContext,
  { id, reason, dryRun }: Decommissioning,
): Promise<DecommissionedView> {
  const carried = carrier({ dryRun: dryRun === true });
  const counts = await carried.run(app, async (within) =>
    decommissionWithin(within, await mustFind(within, id), reason),
  );
  const done = { ...counts, ...carried.view() };
  const { read } = app.store;
  if ((await read.principal(id))?.kind !== 'gateway') return done;
  const delegations = await read.delegationsOf(id, delegationsMax);
  const after = dryRun ? appWithout(app, delegations) : app;
  return { ...done, cutOff: await cutOffFrom(after, id, delegations, true) };
}

/** The same within a change. */
export async function decommissionWithin(
  within: Change<Pick<Context, 'policies'> & Revoking>,
  principal: Principal,
  reason: string,
): Promise<{ revoked: number; cancelled: number; delegations: number }> {
  const { id } = principal;
  const counts = { revoked: 0, cancelled: 0, delegations: 0 };
  if (principal.status === 'decommissioned') return counts;
  await within.tx.putPrincipal({ ...principal, status: 'decommissioned' });
  for await (const entry of heldBy(within.tx, id)) {
    if (await revokeWithin(within, entry, 'cessationOfOperation')) counts.revoked += 1;
  }
  for (const renewal of await within.tx.unendedRenewals(id)) {
    if (!isOpen(renewal)) continue;
    await step(within, renewal, { type: 'cancelled', detail: 'decommissioned' }, principal);
    counts.cancelled += 1;
  }
  counts.delegations = await revokeDelegationsOf(within, id);
  await within.tx.enqueue({ kind: 'close-principal', principalId: id, reason: 'decommissioned' });
  await within.record({
    action: 'device.decommissioned',
    message: `${id} decommissioned${reason ? `: ${reason}` : ''}; certificates revoked: ${counts.revoked}`,
    principalId: id,
  });
  return counts;
}

/** Puts an active principal into quarantine, or releases it. Certificates stay as they are; its sessions end. */
export async function quarantine(
  app: DecommissionContext,
  id: PrincipalId,
  release: boolean,
): Promise<QuarantinedView> {
  const principal = await putInto(app, id, release);
  if (principal.kind !== 'gateway' || release) return principal;
  const standing = await app.store.read.standingDelegations(id, app.clock.now());
  return { ...principal, cutOff: await cutOffFrom(app, id, standing) };
}

function putInto(
  app: Changing & Pick<Context, 'policies' | 'settings'> & Revoking,
  id: PrincipalId,
  release: boolean,
): Promise<Principal> {
  return change(app, async (within) => {
    const principal = await mustFind(within, id);
    if (principal.status === 'decommissioned') {
      throw new OperationError('conflict', [`${id} is decommissioned, and stays so`]);
    }
    const status = release ? 'active' : 'quarantined';
    if (principal.status === status) return principal;
    const changed: Principal = { ...principal, status };
    await within.tx.putPrincipal(changed);
    await countInCampaigns(within, changed);
    if (release) await resumeWithin(within, changed);
    else await within.tx.enqueue({ kind: 'close-principal', principalId: id, reason: 'quarantined' });
    const action = release ? 'device.released' : 'device.quarantined';
    await within.record({ action, message: `${id} ${release ? 'released' : 'quarantined'}`, principalId: id });
    return changed;
  });
}

/**
 * A campaign must not wait for who may not come: its cohort does without, and with a release has its renewal back, whichever of the cohorts
 * it has come to by then.
 */
async function countInCampaigns({ tx }: Change, principal: Principal): Promise<void> {
  for (const renewal of await tx.unendedRenewals(principal.id)) {
    const campaign = await campaignOf(tx, renewal);
    if (campaign && isOpen(renewal)) await tx.putRenewal({ ...renewal, cohort: cohortCounted(campaign, principal) });
  }
}

async function mustFind({ tx }: Change, id: PrincipalId): Promise<Principal> {
  const principal = await tx.principal(id);
  if (!principal) throw new OperationError('not_found', [`${id} is not in the inventory`]);
  return principal;
}
