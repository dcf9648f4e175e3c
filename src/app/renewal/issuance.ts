// Has the authority sign what was accepted, at its rate, whoever has least time left first. One that is down is asked by one request
// at a time until it answers; what waits for it stays in the ledger, and then comes at the rate again, not all at once.
import { type Effect, effectKey } from '../../domain/effect.ts';
import { NolapseError } from '../../domain/errors.ts';
import type { WaitingEffect } from '../../ports/outbox.ts';
import { type Changing, change } from '../change.ts';
import type { WithTurns } from '../turns.ts';
import type { WithBreaker } from './breaker.ts';
import { broughtDown, failuresTold } from './brought-down.ts';
import { type CarriedOut, type CoursePlan, effectsTogether, type Settled } from './course.ts';
import { type IssueContext, issue } from './issue.ts';
import { putOff, tellFailed } from './put-off.ts';
import type { WithRates } from './token-bucket.ts';

export type IssuanceContext = IssueContext & WithRates & WithBreaker & WithTurns;

const down = { kind: 'authority_down', subject: 'issuing' } as const;
const details = {
  authority_unavailable: 'the issuing CA does not sign: renewals wait for it',
  authority_mistaken: 'the issuing CA answers with certificates that were not asked for: renewals wait for it',
} as const;

/** Failures that are the authority's and not the request's: whoever asks next would meet them too. */
const failsAll: ReadonlySet<string> = new Set(Object.keys(details));

const detailOf = ({ code }: NolapseError): string =>
  code === 'authority_mistaken' ? details.authority_mistaken : details.authority_unavailable;

type Issue = Extract<Effect, { kind: 'issue' }>;

export function issuancePlan(app: IssuanceContext): CoursePlan {
  const { store, clock, rates, breaker } = app;
  return {
    room: () => {
      const now = clock.steady();
      const most = breaker.room(now, Math.min(effectsTogether, rates.issuances.left));
      return { most, waitMs: Math.max(breaker.waitMs(now), rates.issuances.waitMs) };
    },
    claim: (lease, most) => store.claims.claim('issue', lease, clock.now(), most),
    carryOut: (waiting) => carryOut(app, waiting, waiting.effect as Issue),
    onFailure: (error) => tellFailed(app, 'issuance', error),
  };
}

async function carryOut(
  app: IssuanceContext,
  waiting: WaitingEffect,
  { renewalId }: Issue,
): Promise<CarriedOut | Settled> {
  const { breaker, rates, clock } = app;
  await app.turns.take();
  if (!breaker.asks(clock.steady())) return 'kept';
  rates.issuances.take();
  try {
    const issued = await issue(app, renewalId, waiting.id);
    if (issued.kind === 'nothing') breaker.unasked();
    else await answered(app);
    if (issued.kind === 'issued') return 'settled';
    const laterAt = issued.kind === 'pending' ? clock.now() + issued.askAgainMs : null;
    return { id: waiting.id, laterAt };
  } catch (error) {
    if (error instanceof NolapseError && failsAll.has(error.code)) return isDown(app, waiting, error);
    breaker.unasked();
    return putOff(app, waiting, error);
  }
}

async function isDown(app: Changing & WithBreaker, waiting: WaitingEffect, error: NolapseError): Promise<CarriedOut> {
  const { failures, carriedOut } = broughtDown(app, app.breaker, waiting);
  if (failures === null) return carriedOut;
  app.decisions.tell({
    action: 'authority.unavailable',
    message: `the issuing CA did not sign (${failures} in a row); it is asked again`,
    fields: { 'error.message': error.message, 'nolapse.effect': effectKey(waiting.effect) },
  });
  if (failures === failuresTold)
    await change(app, ({ alert }) => alert({ ...down, severity: 'critical', detail: detailOf(error), owner: null }));
  return carriedOut;
}

/** Also after the first that it signs since the start: the alert may be from before. */
async function answered(app: Changing & WithBreaker & WithRates): Promise<void> {
  const wasDown = app.breaker.answered();
  if (wasDown === false) return;
  await change(app, ({ clearAlert }) => clearAlert(down), null, 'soon');
  if (wasDown === null) return;
  app.rates.issuances.empty();
  app.decisions.tell({ action: 'authority.back', message: 'the issuing CA signs again' });
}
