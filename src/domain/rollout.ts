// A campaign replaces certificates before their time, cohort by cohort, and moves on only on evidence: enough of the cohort
// activated, a soak time passed, failures below a limit. It stops by itself when they are not.
import type { RevocationReason } from './certificate.ts';
import { spreadFraction } from './policy.ts';
import type { Gaps } from './presence.ts';
import { type Cohort, cohorts, type PrincipalId } from './principal.ts';
import type { Instant } from './time.ts';

/** The parts of a fleet that go first, by a hash of the id; the rest is `broad`. Shares from 0 to 1. */
export interface CohortShares {
  readonly canary: number;
  readonly early: number;
}

/** The cohort a device is assigned to, or else the one its id falls into: the same at every evaluation. */
export function cohortOf(assigned: Cohort | null, id: PrincipalId, shares: CohortShares): Cohort {
  if (assigned !== null) return assigned;
  const at = spreadFraction(`cohort/${id}`);
  if (at < shares.canary) return 'canary';
  return at < shares.canary + shares.early ? 'early' : 'broad';
}

/** What a campaign demands before it moves on. */
export interface RolloutRule {
  /** Share of a cohort's renewals that must have been activated. */
  readonly activatedShare: number;
  /** How long after that share was reached it still waits, in milliseconds. */
  readonly soakMs: number;
  /** Share of a cohort's renewals that may have failed; above it the campaign stops. */
  readonly failedShareMax: number;
  /** Failures that are not judged yet: one of two devices says nothing. */
  readonly failuresLeast: number;
}

export type CampaignState = 'running' | 'paused' | 'stopped' | 'done' | 'aborted';

export interface Campaign {
  readonly id: string;
  /** Why: for the record. */
  readonly reason: string;
  /** It proves that a cohort can renew: what it brings about is activated and replaces nothing. */
  readonly drill: boolean;
  readonly state: CampaignState;
  readonly cohort: Cohort;
  /** Certificates issued before this instant are replaced. */
  readonly issuedBefore: Instant;
  /** Only those of this class, or of this site; null: all. */
  readonly class: string | null;
  readonly site: string | null;
  /** Only those that another CA than the present one has signed. */
  readonly otherIssuer: boolean;
  /** With what reason the certificates it replaces are revoked; null: as superseded. */
  readonly reasonCode: RevocationReason | null;
  readonly startedAt: Instant;
  readonly cohortAt: Instant;
  /** When the share was first reached in the present cohort; null: not yet. */
  readonly reachedAt: Instant | null;
  /** Failures in the present cohort that somebody has taken note of and gone on: they stop it no more. */
  readonly forgiven: number;
  /** Why it stopped. */
  readonly detail: string | null;
  /** When it went on, or was aborted, after it had been paused or had stopped, the last time; null: never. */
  readonly heldUntil: Instant | null;
}

/** Does a replacement for this reason need a key that nobody else can have? */
export function needsNewKey({ reasonCode }: Pick<Campaign, 'reasonCode'>): boolean {
  return reasonCode === 'keyCompromise';
}

/** Campaigns under way at a time: each is gone through the whole inventory for. */
export const campaignsUnderWayMax = 16;

/** Does it go on by itself, or wait to be resumed? One that stopped by itself does neither. */
export function isUnderWay({ state }: Pick<Campaign, 'state'>): boolean {
  return state === 'running' || state === 'paused';
}

/** Has it ended? It brings nothing about any more. */
export function isOver({ state }: Pick<Campaign, 'state'>): boolean {
  return state === 'done' || state === 'aborted';
}

/** Does it hold back what it has not offered yet? */
export function holdsBack({ state }: Pick<Campaign, 'state'>): boolean {
  return state === 'paused' || state === 'stopped';
}

/** What was seen of the present cohort. */
export interface CohortResults {
  /** Has all of the cohort been gone through? Before that nothing follows from it but a stop. */
  readonly complete: boolean;
  /** Certificates to be replaced in it, those replaced already among them. */
  readonly members: number;
  readonly activated: number;
  readonly failed: number;
}

export type RolloutStep =
  | { readonly kind: 'wait' }
  | { readonly kind: 'reached' }
  | { readonly kind: 'advance'; readonly cohort: Cohort }
  | { readonly kind: 'finish' }
  | { readonly kind: 'stop'; readonly detail: string };

const percent = (share: number): string => `${Math.round(share * 1_000) / 10}%`;

/**
 * What a running campaign does next. A cohort without members has nothing to prove and is passed. A drill is over with its one cohort,
 * at once: there is nothing to soak; over nobody it has proven nothing, and says so.
 */
export function nextStep(campaign: Campaign, seen: CohortResults, rule: RolloutRule, now: Instant): RolloutStep {
  if (campaign.state !== 'running') return { kind: 'wait' };
  const failed = Math.max(0, seen.failed - campaign.forgiven);
  const failedShare = seen.members === 0 ? 0 : failed / seen.members;
  if (failed >= rule.failuresLeast && failedShare > rule.failedShareMax) {
    const detail = `${failed} of ${seen.members} renewals of cohort ${campaign.cohort} failed, more than ${percent(rule.failedShareMax)}`;
    return { kind: 'stop', detail };
  }
  if (!seen.complete) return { kind: 'wait' };
  if (seen.members > 0) {
    if (seen.activated < seen.members * rule.activatedShare) return { kind: 'wait' };
    if (campaign.drill) return { kind: 'finish' };
    if (campaign.reachedAt === null) return { kind: 'reached' };
    if (now < campaign.reachedAt + rule.soakMs) return { kind: 'wait' };
  } else if (campaign.drill) {
    return {
      kind: 'stop',
      detail: `no device of cohort ${campaign.cohort} could be renewed: nothing was proven`,
    };
  }
  const next = cohorts[cohorts.indexOf(campaign.cohort) + 1];
  return next === undefined ? { kind: 'finish' } : { kind: 'advance', cohort: next };
}

/**
 * The last moment at which a device that comes as rarely as it has may be passed over and is still expected back in time: its slack is
 * the time until then. Who has it earliest is served first.
 */
export function lastChanceAt(endsAt: Instant, { plannedMs }: Gaps): Instant {
  return Math.floor(endsAt - plannedMs);
}

/** From when on it is urgent, see {@link isUrgent}, if its last chance is then and its certificate lives that long. */
export function urgentFrom(lastChance: Instant, lifeMs: number): Instant {
  return lastChance - lifeMs * urgentShare;
}

/** Is a device so near its end that a pause must not hold it back? Its slack is below a tenth of its certificate's life. */
export function isUrgent(slackMs: number, lifeMs: number): boolean {
  return slackMs < lifeMs * urgentShare;
}
const urgentShare = 0.1;
