// Whom a decision leaves too little time: one certificate in use is compared as it stands without the decision and with it. What becomes
// of the decision is not decided here.
import { type DarkReason, obstacle, type Prospect } from './forecast.ts';
import { graceMs, type Policy, retryDelayMs } from './policy.ts';
import type { Instant } from './time.ts';

/** Why a certificate has too little time, in words. The other reasons are those of a forecast. */
export const shortReasons = {
  too_late: 'less time is left than its turn, one more try and the gap between its visits need',
  no_grace: 'it has ended, and with this decision its grace has ended too',
  gap_too_long: 'the next certificate would live no longer than the gap between two visits of its device',
  mode_not_granted: 'it is renewed through a gateway, and no delegation covers the key mode that is left to it',
  proof_required:
    'it is renewed through a gateway, its policy would require a signature by its key, and no request of it had one',
  packet_too_small: 'no offer fits into the largest packet its record would allow',
} as const;
export type ShortReason = DarkReason | keyof typeof shortReasons;

/** Whether a device that comes as rarely as it has finds the certificate after this one alive at its next visit, or in its grace. */
export type Reach = 'in_life' | 'in_grace' | 'out_of_reach';
const reaches: readonly Reach[] = ['out_of_reach', 'in_grace', 'in_life'];

/** @param plannedMs the gap between two visits that is planned with. */
export function reachOf(policy: Policy, plannedMs: number): Reach {
  if (plannedMs < policy.lifetimeMs) return 'in_life';
  return plannedMs < policy.lifetimeMs + graceMs(policy) ? 'in_grace' : 'out_of_reach';
}

/** How a certificate stands with a decision or without it. */
export interface Footing {
  readonly prospect: Prospect;
  /** Why no replacement could be made for it, however much time there is; null: one could. */
  readonly noWay: ShortReason | null;
  readonly reach: Reach;
  /** See {@link neededMs}. */
  readonly neededMs: number;
}

/** No more of a certificate's life is kept for another try. */
const retryShareMax = 0.1;

/**
 * What a replacement needs, in milliseconds: its turn at the pace of all offers, the longest pause before another try (a tenth of
 * the certificate's life at most), and the gap between two visits that is planned with.
 * @param ahead how many offers go before it.
 */
export function neededMs(
  { lifeMs, plannedMs }: { readonly lifeMs: number; readonly plannedMs: number },
  policy: Policy,
  ahead: number,
  offersPerSecond: number,
): number {
  const pauseMs = Math.min(retryDelayMs(policy, Number.POSITIVE_INFINITY), Math.floor(lifeMs * retryShareMax));
  return (ahead / offersPerSecond) * 1_000 + pauseMs + plannedMs;
}

/** Why there is too little time to replace this certificate; null: there is enough. */
export function shortfall({ prospect, noWay, neededMs: needed }: Footing, now: Instant): ShortReason | null {
  const why = obstacle(prospect);
  if (why) return why;
  if (noWay) return noWay;
  return prospect.endsAt - Math.max(now, prospect.dueAt ?? now) < needed ? 'too_late' : null;
}

/** Why a certificate that has enough time without a decision has too little with it; null: that is not so. */
export function takesTime(without: Footing, withIt: Footing, now: Instant): ShortReason | null {
  if (shortfall(without, now) !== null) return null;
  const isLost = reaches.indexOf(withIt.reach) < reaches.indexOf(without.reach);
  return shortfall(withIt, now) ?? (isLost ? 'gap_too_long' : null);
}
