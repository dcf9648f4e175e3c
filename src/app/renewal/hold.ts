// Whether a paused campaign holds back a renewal: gathers what the decision takes, and keeps what follows from it.
import { canBeHeld, free, type Hold, heldUntil, holdOf } from '../../domain/hold.ts';
import { type GapRecord, gapsOf, neverCameBack } from '../../domain/presence.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Renewal } from '../../domain/renewal.ts';
import { holdsBack } from '../../domain/rollout.ts';
import type { Instant } from '../../domain/time.ts';
import type { Reader } from '../../ports/store.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { campaignOf } from './campaign-of.ts';
import { dueByKnown } from './due.ts';

/** May what has not been offered yet be offered now? */
export async function readHold(
  app: Pick<Context, 'store' | 'clock' | 'policies' | 'settings'>,
  renewal: Renewal,
): Promise<Hold> {
  if (!canBeHeld(renewal) || renewal.oldFingerprint === null) return free;
  const { read } = app.store;
  const campaign = await campaignOf(read, renewal);
  if (!campaign || !holdsBack(campaign)) return free;
  const certificate = await read.certificate(renewal.oldFingerprint);
  const principal = await read.principal(renewal.principalId);
  if (!certificate || !principal) return free;
  const record = (await read.presence(principal.id))?.gaps ?? neverCameBack;
  const dueAt = dueByKnown(app, certificate, principal, record);
  return holdOf({ campaign, certificate, gaps: gapsOf(record), dueAt, now: app.clock.now() });
}

/** Since when a renewal's device is waited for: not while its campaign holds it back. Later than now: it is held back until then. */
export async function awaitedFrom(
  app: Pick<Context, 'policies' | 'settings'>,
  read: Reader,
  renewal: Renewal,
  principal: Principal,
  gaps: GapRecord,
): Promise<Instant> {
  if (renewal.releasedAt !== null) return renewal.releasedAt;
  const campaign = await campaignOf(read, renewal);
  if (!campaign) return renewal.createdAt;
  const from = Math.max(renewal.createdAt, campaign.heldUntil ?? 0);
  const certificate = renewal.oldFingerprint === null ? null : await read.certificate(renewal.oldFingerprint);
  if (!certificate || !holdsBack(campaign)) return from;
  const dueAt = dueByKnown(app, certificate, principal, gaps);
  return Math.max(from, heldUntil({ certificate, gaps: gapsOf(gaps), dueAt }));
}

/** Leaves it until the campaign goes on, or it can wait no longer. */
export function keepHeld(app: Changing, renewalId: string, until: Instant): Promise<void> {
  return change(app, async ({ tx }) => {
    const renewal = await tx.renewal(renewalId);
    if (renewal?.state !== 'due' || renewal.nextAt === until) return;
    await tx.putRenewal({ ...renewal, nextAt: Math.min(until, renewal.deadline) });
  });
}

/** Says that a pause did not hold this one back. */
export function tellUrgent(app: Changing, { id, principalId }: Renewal, campaign: string): Promise<void> {
  return change(app, ({ record }) =>
    record({
      action: 'campaign.overridden',
      message: `${principalId}: offered although campaign ${campaign} is paused: its slack is nearly gone`,
      principalId,
      renewalId: id,
      fields: { 'nolapse.campaign': campaign },
    }),
  );
}
