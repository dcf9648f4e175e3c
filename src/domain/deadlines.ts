// When somebody is told what time has made wrong with a certificate or its renewal. Whoever alerts, and whoever says beforehand when
// that will be, has it from here.
import { type Dated, type Policy, partOfLifetime, spanFor } from './policy.ts';
import { type Gaps, leastGapMs } from './presence.ts';
import { type Instant, type Span, spanMs } from './time.ts';

/**
 * When somebody is warned and then alarmed about the end of a certificate that has no replacement in use. Never before its replacement
 * has begun, or will: nobody could do anything about it.
 * @param beginsAt when its renewal was opened, or is due; null: it is not known when.
 */
export function expiryAlerts(
  certificate: Dated,
  beginsAt: Instant | null,
  policy: Policy,
): { readonly warnAt: Instant; readonly alarmAt: Instant } {
  const { notBefore, notAfter } = certificate;
  const before = (span: Span): Instant =>
    Math.max(notAfter - spanFor(span, certificate, policy), beginsAt ?? notBefore);
  const warnAt = before(policy.expiryWarning);
  return { warnAt, alarmAt: Math.max(before(policy.expiryAlarm), warnAt) };
}

/**
 * When a renewal that begins at `beginsAt` is overdue. A device that stayed away for longer before may do so again.
 * @param replaced what it replaces, if anything: one that lives for less than the policy's lifetime has the same share of its own life.
 */
export function overdueAt(
  beginsAt: Instant,
  { longestMs }: Pick<Gaps, 'longestMs'>,
  policy: Policy,
  replaced: Dated | null,
): Instant {
  const patienceMs = spanMs(policy.overdueAfter, policy.lifetimeMs) * (replaced ? partOfLifetime(replaced, policy) : 1);
  return Math.ceil(beginsAt + Math.max(patienceMs, longestMs));
}

/** How a device has come and gone, as far as it matters to what is expected of it. */
export interface Comings {
  readonly gaps: Gaps;
  /** Has it a session now? */
  readonly isHere: boolean;
  /** When its last visit began; null: it never came. */
  readonly cameAt: Instant | null;
}

/** Of the time that the old certificate has left, what is waited for at most: the rest is for whoever is alerted. */
const waitedShare = 0.5;

/**
 * When a replacement that was acknowledged as installed must have been seen. One that went to sleep with it has the gap planned with, as
 * far as the old certificate, which ends at `oldEndsAt`, leaves time for it; whoever is here, or came since, could have used it, and has not.
 */
export function activateBy(
  { installedAt, oldEndsAt }: { readonly installedAt: Instant; readonly oldEndsAt: Instant },
  { gaps, isHere, cameAt }: Comings,
  policy: Policy,
): Instant {
  // A break shorter than the least gap is the same visit, and what a gateway brings may be noted a moment after it was taken.
  const cameSince = cameAt !== null && cameAt >= installedAt + leastGapMs;
  const asleepMs = isHere || cameSince ? 0 : Math.min(gaps.plannedMs, (oldEndsAt - installedAt) * waitedShare);
  return Math.ceil(installedAt + Math.max(spanMs(policy.activateWithin, policy.lifetimeMs), asleepMs));
}
