// Tells the authority of the revocations that it is owed, what is urgent first. It waits for issuance no more than issuance waits for it:
// each finds out by itself whether its part of the authority is down, since one may be while the other is not.
import { bareSerial, type LedgerEntry } from '../../domain/certificate.ts';
import { type Effect, effectKey, putOffMaxMs } from '../../domain/effect.ts';
import { NolapseError } from '../../domain/errors.ts';
import type { Authority, Revocation } from '../../ports/authority.ts';
import type { WaitingEffect } from '../../ports/outbox.ts';
import { type Change, type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { hasIssued } from '../trust.ts';
import type { WithTurns } from '../turns.ts';
import type { Breaker } from './breaker.ts';
import { broughtDown, failuresTold } from './brought-down.ts';
import type { CarriedOut, CoursePlan, Settled } from './course.ts';
import { putOff, tellFailed } from './put-off.ts';

export type TellAuthorityContext = Changing & Pick<Context, 'authority'> & WithTurns & WithRevoking;

export interface WithRevoking {
  /** For what the authority is told. Issuance has one of its own. */
  readonly revoking: Breaker;
}

/** Revocations that the authority is told of side by side. */
const together = 16;
/** Of what waits, so much is looked at for something that has failed. */
const waitingMax = 1_000;

const alertName = { kind: 'revocation_untold', subject: 'authority' } as const;
const detail = 'revocations wait for the CA that issued the certificates: others may still accept those';

type Revoke = Extract<Effect, { kind: 'revoke' }>;
type Tell = NonNullable<Authority['revoke']>;

export function tellAuthorityPlan(app: TellAuthorityContext, tell: Tell): CoursePlan {
  const { store, clock, revoking } = app;
  return {
    room: () => {
      const now = clock.steady();
      return { most: revoking.room(now, together), waitMs: revoking.waitMs(now) };
    },
    claim: (lease, most) => store.claims.claim('revoke', lease, clock.now(), most),
    carryOut: (waiting) => carryOut(app, tell, waiting, waiting.effect as Revoke),
    onFailure: (error) => tellFailed(app, 'telling the authority', error),
  };
}

async function carryOut(
  app: TellAuthorityContext,
  tell: Tell,
  waiting: WaitingEffect,
  { fingerprint }: Revoke,
): Promise<CarriedOut | Settled> {
  const { store, revoking, clock, decisions } = app;
  await app.turns.take();
  if (!revoking.asks(clock.steady())) return 'kept';
  const entry = await store.read.certificate(fingerprint);
  const revocation = entry && revocationOf(entry);
  // The authority of today may be another than the one that it was owed to, with the same serial numbers.
  if (!revocation || !hasIssued(app, entry.der)) {
    revoking.unasked();
    decisions.tell({
      action: 'revocation.foreign',
      message: 'a revocation is told to nobody: the authority did not issue the certificate',
      fields: { 'tls.client.hash.sha256': fingerprint },
    });
    return done(app, waiting);
  }
  try {
    await tell(revocation);
  } catch (error) {
    return failed(app, waiting, error);
  }
  revoking.answered();
  decisions.tell({
    action: 'revocation.told',
    reason: revocation.reason,
    message: `${entry.principalId}: the authority was told that certificate ${entry.serial} is revoked`,
    fields: { 'nolapse.principal': entry.principalId, 'tls.client.hash.sha256': fingerprint },
  });
  return done(app, waiting);
}

function revocationOf({ serial, der, revokedAt, revocationReason }: LedgerEntry): Revocation | null {
  if (revokedAt === null || revocationReason === null) return null;
  return { serial: bareSerial(serial), certificate: der, revokedAt, reason: revocationReason };
}

async function failed(app: TellAuthorityContext, waiting: WaitingEffect, error: unknown): Promise<CarriedOut> {
  const { revoking, decisions } = app;
  if (!(error instanceof NolapseError && error.code === 'authority_unavailable')) {
    // This one was refused; the next may not be.
    revoking.unasked();
    if (waiting.attempts + 1 >= failuresTold) await alert(app);
    return putOff(app, waiting, error);
  }
  const { failures, carriedOut } = broughtDown(app, revoking, waiting);
  if (failures === null) return carriedOut;
  decisions.tell({
    action: 'revocation.untold',
    message: `the authority could not be told of a revocation (${failures} in a row); it is told again`,
    fields: { 'error.message': error.message, 'nolapse.effect': effectKey(waiting.effect) },
  });
  if (failures >= failuresTold) await alert(app);
  return carriedOut;
}

function alert(app: Changing): Promise<void> {
  return change(app, (within) => within.alert({ ...alertName, severity: 'warning', detail, owner: null }));
}

/** The alert is over once nothing waits that has failed before. */
async function done(app: Changing, { id, attempts }: WaitingEffect): Promise<CarriedOut | Settled> {
  if (attempts === 0) return { id, laterAt: null };
  await change(app, async (within) => {
    await within.tx.complete(id);
    if (!(await hasFailures(within))) await within.clearAlert(alertName);
  });
  return 'settled';
}

async function hasFailures({ tx, now }: Change): Promise<boolean> {
  const waiting = await tx.queuedEffects('revoke', now + putOffMaxMs, waitingMax);
  return waiting.some(({ attempts }) => attempts > 0);
}

/** At the start: the alert may be of another authority, or of a failure that was not kept. */
export async function settleUntold(app: Changing & Pick<Context, 'authority'>): Promise<void> {
  await change(app, async (within) => {
    if (!app.authority.revoke || !(await hasFailures(within))) await within.clearAlert(alertName);
  });
}
