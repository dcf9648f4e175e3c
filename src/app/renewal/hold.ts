// What a campaign that is paused holds back: renewals it has opened and not yet offered. Not those whose certificate is due by its own
// policy by now, and never a device whose slack is nearly gone.
import { gapsOf } from '../../domain/presence.ts';
import type { Renewal } from '../../domain/renewal.ts';
import { holdsBack, isUrgent, lastChanceAt, urgentFrom } from '../../domain/rollout.ts';
import type { Instant } from '../../domain/time.ts';
import { change } from '../change.ts';
import type { App } from '../context.ts';
import { dueByKnown } from './due.ts';

/** `until`: when it is to be looked at again, whatever the campaign does. */
export type Hold =
  | { readonly kind: 'free' }
  | { readonly kind: 'held'; readonly until: Instant }
  | { readonly kind: 'urgent'; readonly campaign: string };

const free: Hold = { kind: 'free' };

/** May what has not been offered yet be offered now? */
export async function holdOf(app: App, renewal: Renewal): Promise<Hold> {
  if (renewal.state !== 'due' || renewal.campaign === null || renewal.oldFingerprint === null) return free;
  const { read } = app.store;
  const campaign = await read.campaign(renewal.campaign);
  if (!campaign || !holdsBack(campaign)) return free;
  const entry = await read.certificate(renewal.oldFingerprint);
  const principal = await read.principal(renewal.principalId);
  if (!entry || !principal) return free;
  const now = app.clock.now();
  const gaps = (await read.presence(principal.id))?.gaps ?? new Uint8Array();
  const lifeMs = entry.notAfter - entry.notBefore;
  const chance = lastChanceAt(entry.notAfter, gapsOf(gaps));
  if (isUrgent(chance - now, lifeMs)) return { kind: 'urgent', campaign: campaign.id };
  const ownAt = dueByKnown(app, entry, principal, gaps);
  if (now >= ownAt) return free;
  return { kind: 'held', until: Math.ceil(Math.min(ownAt, urgentFrom(chance, lifeMs) + 1)) };
}

/** Leaves it until the campaign goes on, or it can wait no longer. */
export function keepHeld(app: App, renewalId: string, until: Instant): Promise<void> {
  return change(app, async ({ tx }) => {
    const renewal = await tx.renewal(renewalId);
    if (renewal?.state !== 'due' || renewal.nextAt === until) return;
    await tx.putRenewal({ ...renewal, nextAt: Math.min(until, renewal.deadline) });
  });
}

/** Says that a pause did not hold this one back. */
export function tellUrgent(app: App, { id, principalId }: Renewal, campaign: string): Promise<void> {
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
