// What is known of one certificate in use and of the device that holds it, for whoever judges whether it is replaced in time.
import { type Delegation, isInForce } from '../../domain/delegation.ts';
import type { Prospect } from '../../domain/forecast.ts';
import { ableModes, chooseKeyMode } from '../../domain/key-mode.ts';
import type { Policy } from '../../domain/policy.ts';
import { gapsOf } from '../../domain/presence.ts';
import { type KeyMode, maySpeakForOthers, type Principal, type PrincipalId } from '../../domain/principal.ts';
import { lightsUntil } from '../../domain/standing.ts';
import type { Instant } from '../../domain/time.ts';
import { type Absence, absentMs, awayMs, leftAtOf } from '../../domain/visits.ts';
import type { Outlook } from '../../ports/outlooks.ts';
import type { Context } from '../context.ts';
import { signingCa } from '../trust.ts';
import type { WithWhereabouts } from '../whereabouts.ts';
import { dueByKnown } from './due.ts';
import { keyHistoryOf } from './key-history.ts';

export type ProspectContext = Pick<Context, 'store' | 'authority' | 'policies' | 'settings'> & WithWhereabouts;

/**
 * What is known of a certificate in use and of its device.
 * @param relies does it depend on a gateway to be renewed? Where that is known from elsewhere than the delegations that stand.
 */
export function prospectOf(
  app: ProspectContext,
  outlook: Outlook,
  absences: readonly Absence[],
  now: Instant,
  relies = reliesOnGateways(app, outlook),
): Prospect {
  const { certificate, principal, standsBehind, visits, renewal } = outlook;
  const isHere = app.presences.isHere(principal.id);
  const since = lastSeen(outlook, absences);
  const away = visits ? awayMs(visits, absences, now) : Math.max(0, now - since - absentMs(absences, since, now));
  return {
    endsAt: lightsUntil(certificate),
    dueAt: renewal ? now : (certificate.renewAt ?? firstDueAt(app, outlook)),
    quarantined: principal.status === 'quarantined',
    gatewayGone: principal.gateway !== null && !isHere && !(standsBehind && maySpeakForOthers(standsBehind, now)),
    notDelegated: !isHere && relies && grantsFor(app, principal, now).length === 0,
    // Offered once more it has not been taken up yet: the failure is the last that was heard.
    failed: renewal?.state === 'failed' || (renewal?.state === 'offered' && renewal.lastCode !== null),
    refused: renewal?.isRefused === true,
    issuerEndsAt: signingCa(app).notAfter,
    gaps: gapsOf(visits?.gaps ?? new Uint8Array()),
    awayMs: isHere ? null : away,
    neverCame: certificate.state === 'issued',
  };
}

/** One that was not seen yet gets its due date when it is: what that will be. */
function firstDueAt(
  app: Pick<Context, 'policies' | 'settings'>,
  { certificate, principal, visits }: Outlook,
): Instant | null {
  return certificate.state === 'issued'
    ? dueByKnown(app, certificate, principal, visits?.gaps ?? new Uint8Array())
    : null;
}

/** Has it never connected with its certificate itself, as far as is known? What brought it then went through a gateway, or was a hand. */
export function neverCameItself({ principal, certificate, via }: Outlook): boolean {
  const { lastSeenAt, activatedAt } = certificate;
  const cameItself = lastSeenAt !== null && (via === null || lastSeenAt > (activatedAt ?? lastSeenAt));
  return !cameItself && principal.kind === 'device';
}

/** Is it a device that gateways renew: one whose certificate came through one, or that a delegation names, and that never came itself? */
export function reliesOnGateways(app: Pick<Context, 'store'>, outlook: Outlook): boolean {
  const { principal, via } = outlook;
  if (!neverCameItself(outlook)) return false;
  return via !== null || app.store.glance.delegationsFor(principal.id, principal.site).length > 0;
}

/** The delegations in force under which a gateway that may connect acts for this device. */
export function grantsFor(app: Pick<Context, 'store'>, { id, site }: Principal, now: Instant): Delegation[] {
  const { glance } = app.store;
  const maySpeak = (gateway: PrincipalId): boolean => {
    const status = glance.principal(gateway)?.status;
    return status !== undefined && maySpeakForOthers({ status, litUntil: glance.litUntil(gateway) }, now);
  };
  const naming = glance.delegationsFor(id, site);
  return naming.filter((each) => isInForce(each, now) && maySpeak(each.gatewayId));
}

/** When it was here last; at its issuance, where it never was. */
export function lastSeen({ certificate, visits }: Outlook, absences: readonly Absence[]): Instant {
  if (visits) return leftAtOf(visits, absences) ?? visits.cameAt;
  return certificate.lastSeenAt ?? certificate.activatedAt ?? certificate.issuedAt;
}

type Replaced = Pick<Outlook, 'certificate' | 'principal'>;

/** Can a replacement be made at `at` in some key mode that this policy allows? */
export async function hasKeyMode(
  app: Pick<Context, 'store' | 'authority' | 'profiles'>,
  replaced: Replaced,
  policy: Policy,
  at: Instant,
): Promise<boolean> {
  // A new key needs nothing of the present one: most devices are judged without a look at it.
  if (policy.keyModes.includes('csr') && ableModes(replaced.principal).includes('csr')) return true;
  return (await keyModeOf(app, replaced, policy, at)) !== null;
}

/** In which key mode a renewal that begins at `at` is made under this policy; null: in none. */
export async function keyModeOf(
  app: Pick<Context, 'store' | 'authority' | 'profiles'>,
  { certificate, principal }: Replaced,
  policy: Policy,
  at: Instant,
): Promise<KeyMode | null> {
  const [first] = policy.keyModes.filter((mode) => ableModes(principal).includes(mode));
  if (first === undefined || first === 'csr') return first ?? null;
  const entry = await app.store.read.certificate(certificate.fingerprint);
  const history = entry && (await keyHistoryOf(app, app.store.read, principal, entry));
  return chooseKeyMode(policy, principal, history, at);
}
