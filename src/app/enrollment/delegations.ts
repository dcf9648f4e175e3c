// Which gateway speaks for which device now. Asked of the store each time, which answers at once: a revoked delegation, a device
// that moved to another site, a gateway in quarantine take effect with the commit that made them so.
import { type DelegationVerdict, isInForce, mayActFor } from '../../domain/delegation.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import { type DownWord, enrollmentTopic, parseEnrollmentTopic } from '../../domain/topics.ts';
import type { Context } from '../context.ts';
import type { Session } from '../session.ts';

/** May this session speak and hear for this device now? */
export function judgeSpeaker(
  app: Pick<Context, 'store' | 'clock'>,
  { principal, lane }: Session,
  id: PrincipalId,
): DelegationVerdict {
  const { glance } = app.store;
  const gateway = glance.principal(principal.id) ?? { ...principal, status: 'decommissioned' as const };
  const device = glance.principal(id);
  const delegations = device ? glance.delegationsFor(device.id, device.site) : [];
  return mayActFor({ gateway, lane, device, delegations, now: app.clock.now() });
}

/** May this session be handed what is said on this enrollment topic of somebody else? Asked for each message, on every path. */
export function hears(app: Pick<Context, 'store' | 'clock' | 'decisions'>, session: Session, topic: string): boolean {
  if (session.principal.kind !== 'gateway') return false;
  const address = parseEnrollmentTopic(topic);
  if (!address) return false;
  try {
    return judgeSpeaker(app, session, address.id).allowed;
  } catch (error) {
    // Asked in the middle of a delivery, where nobody could take an error: what cannot be judged is not heard.
    app.decisions.tell({
      action: 'enrollment.failed',
      level: 'error',
      message: `${session.principal.id}: whether it may hear for ${address.id} could not be judged`,
      fields: { 'error.message': error instanceof Error ? error.message : String(error) },
    });
    return false;
  }
}

/** The gateways that hold a delegation for this device now. Whether a session of theirs may hear is judged as it is sent. */
export function speakersFor(app: Pick<Context, 'store' | 'clock'>, id: PrincipalId): PrincipalId[] {
  const { glance } = app.store;
  const device = glance.principal(id);
  if (device?.kind !== 'device') return [];
  const now = app.clock.now();
  const standing = glance.delegationsFor(id, device.site).filter((each) => isInForce(each, now));
  return [...new Set(standing.map(({ gatewayId }) => gatewayId))];
}

/** Who would take what is said to this device on this topic now: the device itself, or the gateways that speak for it. */
export async function listenersTo(
  app: Pick<Context, 'store' | 'sessions' | 'clock'>,
  id: PrincipalId,
  word: DownWord,
): Promise<PrincipalId[]> {
  const topic = enrollmentTopic(id, word);
  const all = [id, ...speakersFor(app, id)];
  const heard = await Promise.all(all.map((each) => app.sessions.listens(each, topic)));
  return all.filter((_, at) => heard[at]);
}
