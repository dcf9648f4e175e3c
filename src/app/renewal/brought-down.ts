// What follows when the authority fails as such: it is asked less often, and what failed comes again after the others.
import type { WaitingEffect } from '../../ports/outbox.ts';
import type { Context } from '../context.ts';
import { type Breaker, pauseMostMs } from './breaker.ts';
import type { CarriedOut } from './course.ts';
import { retryMs } from './put-off.ts';

/** One failure may be a hiccup; after the second in a row somebody is told. */
export const failuresTold = 2;

/** The next to ask is another, and this one comes after it: one request that brings it down must not keep the rest waiting. @returns how often it failed in a row, as {@link Breaker.failed}. */
export function broughtDown(
  { clock }: Pick<Context, 'clock'>,
  breaker: Breaker,
  waiting: WaitingEffect,
): { readonly failures: number | null; readonly carriedOut: CarriedOut } {
  const failures = breaker.failed(clock.steady());
  const pauseMs = Math.max(breaker.waitMs(clock.steady()), retryMs(waiting, pauseMostMs));
  return { failures, carriedOut: { id: waiting.id, laterAt: clock.now() + Math.ceil(pauseMs) } };
}
