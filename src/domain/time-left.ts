// Whom a decision leaves too little time: one certificate in use is compared as it stands without the decision and with it. What becomes
// of the decision is not decided here.
import { type DarkReason, obstacle, type Prospect } from './forecast.ts';
import { type Policy, retryDelayMs } from './policy.ts';
import type { Instant } from './time.ts';

/** Why a certificate has too little time, in words. The other reasons are those of a forecast. */
export const shortReasons = {
  too_late: 'less time is left than its turn, one more try and the gap between its visits need',
  no_grace: 'it has ended, and with this decision its grace has ended too',
} as const;
export type ShortReason = DarkReason | keyof typeof shortReasons;

/** How a certificate stands with a decision or without it. */
export interface Footing {
  readonly prospect: Prospect;
  /** Can a replacement be made in some key mode once it is due? */
  readonly hasKeyMode: boolean;
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
export function shortfall({ prospect, hasKeyMode, neededMs: needed }: Footing, now: Instant): ShortReason | null {
  const why = obstacle(prospect);
  if (why) return why;
  if (!hasKeyMode) return 'no_key_mode';
  return prospect.endsAt - Math.max(now, prospect.dueAt ?? now) < needed ? 'too_late' : null;
}

/** Why a certificate that has enough time without a decision has too little with it; null: that is not so. */
export function takesTime(without: Footing, withIt: Footing, now: Instant): ShortReason | null {
  const why = shortfall(withIt, now);
  return why !== null && shortfall(without, now) === null ? why : null;
}
