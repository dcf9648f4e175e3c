// What a device is told whose request waits for an authority that is down: that it is kept, and when to ask again.
import type { Refusal } from '../../domain/errors.ts';
import { spreadFraction } from '../../domain/policy.ts';
import type { Context } from '../context.ts';
import { pauseMostMs, type WithBreaker } from './breaker.ts';

/** Null: the authority is not known to be down. */
export function waitForAuthority(
  { breaker, clock }: Pick<Context, 'clock'> & WithBreaker,
  renewalId: string,
): Refusal | null {
  if (!breaker.isOpen) return null;
  // Spread by the renewal, so that a fleet that was told at once does not come back at once.
  const waitMs = breaker.waitMs(clock.steady()) + pauseMostMs * spreadFraction(renewalId);
  return {
    code: 'unavailable',
    detail: 'the CA does not sign now; the request is kept',
    retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)),
    isUnderWay: true,
  };
}
