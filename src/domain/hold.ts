// What a campaign that is paused holds back: renewals it has opened and not yet offered. Not those whose certificate is due by its own
// policy by now, and never a device whose slack is nearly gone.
import type { LedgerEntry } from './certificate.ts';
import type { Gaps } from './presence.ts';
import type { Renewal } from './renewal.ts';
import { type Campaign, holdsBack, isUrgent, lastChanceAt, urgentFrom } from './rollout.ts';
import type { Instant } from './time.ts';

/** `until`: when it is to be looked at again, whatever the campaign does. `urgent`: a pause would hold it, but for its slack. */
export type Hold =
  | { readonly kind: 'free' }
  | { readonly kind: 'held'; readonly until: Instant }
  | { readonly kind: 'urgent'; readonly campaign: string };

export const free: Hold = { kind: 'free' };

/** Can anything hold it back? What was offered, released by somebody or opened by no campaign is free. */
export function canBeHeld(renewal: Pick<Renewal, 'state' | 'campaign' | 'oldFingerprint' | 'releasedAt'>): boolean {
  const { state, campaign, oldFingerprint, releasedAt } = renewal;
  return state === 'due' && campaign !== null && oldFingerprint !== null && releasedAt === null;
}

export interface HoldFacts {
  readonly campaign: Pick<Campaign, 'id' | 'state'>;
  /** The certificate to be replaced. */
  readonly certificate: Pick<LedgerEntry, 'notBefore' | 'notAfter'>;
  readonly gaps: Gaps;
  /** When its replacement is due by its own policy. */
  readonly dueAt: Instant;
  readonly now: Instant;
}

/** Does its campaign hold back a renewal that {@link canBeHeld}? */
export function holdOf(facts: HoldFacts): Hold {
  const { campaign, certificate, gaps, now } = facts;
  if (!holdsBack(campaign)) return free;
  const chance = lastChanceAt(certificate.notAfter, gaps);
  if (isUrgent(chance - now, certificate.notAfter - certificate.notBefore))
    return { kind: 'urgent', campaign: campaign.id };
  const until = heldUntil(facts);
  return now >= until ? free : { kind: 'held', until };
}

/** The latest to which a campaign holds back the replacement of this certificate: its own due date, or its slack is nearly gone. */
export function heldUntil({ certificate, gaps, dueAt }: Pick<HoldFacts, 'certificate' | 'gaps' | 'dueAt'>): Instant {
  const { notBefore, notAfter } = certificate;
  const urgentAt = urgentFrom(lastChanceAt(notAfter, gaps), notAfter - notBefore);
  return Math.ceil(Math.min(dueAt, urgentAt + 1));
}
