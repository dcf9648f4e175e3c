// What a campaign that is paused holds back: renewals it has opened and not yet offered. Not those whose certificate is due by its own
// policy by now, and never a device whose slack is nearly gone.
import type { LedgerEntry } from '../../domain/certificate.ts';
import { type GapRecord, gapsOf, neverCameBack } from '../../domain/presence.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Renewal } from '../../domain/renewal.ts';
import { holdsBack, isUrgent, lastChanceAt, urgentFrom } from '../../domain/rollout.ts';
import type { Instant } from '../../domain/time.ts';
import type { Reader } from '../../ports/store.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { campaignOf } from './campaign-of.ts';
import { dueByKnown } from './due.ts';

/** `until`: when it is to be looked at again, whatever the campaign does. */
export type Hold =
  | { readonly kind: 'free' }
  | { readonly kind: 'held'; readonly until: Instant }
  | { readonly kind: 'urgent'; readonly campaign: string };

const free: Hold = { kind: 'free' };

/** May what has not been offered yet be offered now? */
export async function holdOf(
  app: Pick<Context, 'store' | 'clock' | 'policies' | 'settings'>,
  renewal: Renewal,
): Promise<Hold> {
  if (renewal.state !== 'due' || renewal.campaign === null || renewal.oldFingerprint === null) return free;
  if (renewal.releasedAt !== null) return free;
  const { read } = app.store;
  const campaign = await read.campaign(renewal.campaign);
  if (!campaign || !holdsBack(campaign)) return free;
  const entry = await read.certificate(renewal.oldFingerprint);
  const principal = await read.principal(renewal.principalId);
  if (!entry || !principal) return free;
  const now = app.clock.now();
  const gaps = (await read.presence(principal.id))?.gaps ?? neverCameBack;
  const chance = lastChanceAt(entry.notAfter, gapsOf(gaps));
  if (isUrgent(chance - now, entry.notAfter - entry.notBefore)) return { kind: 'urgent', campaign: campaign.id };
  const until = heldUntil(app, entry, principal, gaps);
  return now >= until ? free : { kind: 'held', until };
}

/** The latest to which a campaign holds back the replacement of this certificate: its own due date, or its slack is nearly gone. */
function heldUntil(
  app: Pick<Context, 'policies' | 'settings'>,
  entry: LedgerEntry,
  principal: Principal,
  gaps: GapRecord,
): Instant {
  const urgentAt = urgentFrom(lastChanceAt(entry.notAfter, gapsOf(gaps)), entry.notAfter - entry.notBefore);
  return Math.ceil(Math.min(dueByKnown(app, entry, principal, gaps), urgentAt + 1));
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
  const entry = renewal.oldFingerprint === null ? null : await read.certificate(renewal.oldFingerprint);
  return entry && holdsBack(campaign) ? Math.max(from, heldUntil(app, entry, principal, gaps)) : from;
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
