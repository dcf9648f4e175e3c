// A gateway speaks for a device: judged at every message. What its delegation does not cover is its own affair: answered on the
// gateway's topics and not the device's, counted, and kept in the journal with both names.
import type { EnrollmentCode, Refusal } from '../../domain/errors.ts';
import type { Encoding, PrincipalId } from '../../domain/principal.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { deliveryProfileOf, fitted } from '../renewal/delivery-profile.ts';
import type { Session } from '../session.ts';
import { judgeSpeaker } from './delegations.ts';
import { type SendDownContext, sayError } from './send-down.ts';
import { isAnswered, maySpeak, slowDownSeconds, type WithThrottles } from './throttle.ts';

export type ActForContext = SendDownContext & Changing & WithThrottles;

/** What tells a gateway how far its delegations go. */
const delegationCodes: ReadonlySet<EnrollmentCode> = new Set([
  'not_delegated',
  'delegation_ended',
  'delegation_exhausted',
  'mode_not_granted',
]);

export function concernsDelegation({ code }: Refusal): boolean {
  return delegationCodes.has(code);
}

/** What a speaker is told that has spoken too much. */
export const slowDown: Refusal = {
  code: 'too_many_requests',
  detail: 'slow down',
  retryAfterSeconds: slowDownSeconds,
};

/**
 * May the gateway of this session speak for this device now, and has it not spoken too much, for all of its devices or for this
 * one? What it says is charged to it and never to the device. Null: it may.
 */
export function objectToSpeaker(
  app: Pick<Context, 'store' | 'clock'> & WithThrottles,
  session: Session,
  id: PrincipalId,
): Refusal | null {
  const speaker = session.principal.id;
  if (!app.throttles.speechForOthers.take(speaker, app.clock.now())) return slowDown;
  const verdict = judgeSpeaker(app, session, id);
  if (!verdict.allowed) return { code: verdict.code, detail: verdict.detail };
  return maySpeak(app.throttles, speaker, id, app.clock.now()) ? null : slowDown;
}

/** What a gateway was refused: in whose name it spoke, about which of that device's renewals, and in which encoding. */
export interface Attempt {
  readonly gateway: PrincipalId;
  readonly device: PrincipalId;
  readonly renewal?: string;
  readonly encoding?: Encoding;
  /** Does it act under a delegation? Then what it is refused stands on the device's renewal: who has none has no say in that. */
  readonly isDelegated?: true;
}

/**
 * Tells a gateway what it may not do, and everybody who reads the log or the journal. A gateway that goes on and on is not answered
 * each time; each time is counted.
 */
export async function refuseGateway(app: ActForContext, attempt: Attempt, refusal: Refusal): Promise<void> {
  const { gateway, device, renewal, encoding } = attempt;
  const { code, retryAfterSeconds } = refusal;
  const asking = { id: device, via: gateway, ...(renewal !== undefined && { renewal }) };
  // Also where it is not answered.
  if (attempt.isDelegated) await app.refusals.note({ ...asking, code, detail: refusal.detail });
  const now = app.clock.now();
  const answered = isAnswered(app.throttles, gateway, device, refusal === slowDown, now);
  const happening = {
    action: 'delegation.refused',
    level: 'warn' as const,
    reason: code,
    message: `${gateway} for ${device}: ${code}: ${refusal.detail}`,
    fields: { 'nolapse.principal': device, 'nolapse.gateway': gateway },
  };
  if ((answered || refusal !== slowDown) && app.throttles.keptRefusals.take(gateway, now)) {
    // Under the gateway's name: the device's may be one that nobody has.
    await change(app, ({ record }) => record({ ...happening, principalId: gateway }));
  } else app.decisions.tell(happening);
  if (!answered) return;
  const delivery = await deliveryProfileOf(app, gateway, null, encoding);
  const error = {
    code,
    ...(renewal !== undefined && { renewal }),
    ...(retryAfterSeconds !== undefined && { retryAfter: retryAfterSeconds }),
  } as const;
  const whole = { ...error, detail: `${device}: ${refusal.detail}` };
  // For whom it was refused says more than why, which the code says too.
  const message = fitted(gateway, delivery, { word: 'error', ...whole }) ? whole : { ...error, detail: device };
  await sayError(app, gateway, delivery, message, null);
}
