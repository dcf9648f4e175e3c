// What is known of one certificate in use and of the device that holds it, for whoever judges whether it is replaced in time.
import { isInForce } from '../../domain/delegation.ts';
import type { Prospect } from '../../domain/forecast.ts';
import { ableModes, possibleKeyModes } from '../../domain/key-mode.ts';
import type { Policy } from '../../domain/policy.ts';
import { gapsOf } from '../../domain/presence.ts';
import type { Instant } from '../../domain/time.ts';
import { type Absence, absentMs, awayMs, leftAtOf } from '../../domain/visits.ts';
import type { Outlook } from '../../ports/store.ts';
import type { App } from '../context.ts';
import { keyHistoryOf } from './key-history.ts';

/** What is known of a certificate in use and of its device. */
export function prospectOf(app: App, outlook: Outlook, absences: readonly Absence[], now: Instant): Prospect {
  const { certificate, principal, gatewayStatus, visits, renewal } = outlook;
  const isHere = app.presences.isHere(principal.id);
  const since = lastSeen(outlook, absences);
  const away = visits ? awayMs(visits, absences, now) : Math.max(0, now - since - absentMs(absences, since, now));
  return {
    endsAt: certificate.notAfter,
    dueAt: renewal ? now : certificate.renewAt,
    quarantined: principal.status === 'quarantined',
    gatewayGone: principal.gateway !== null && gatewayStatus !== 'active' && !isHere,
    notDelegated: !isHere && isNotDelegated(app, outlook, now),
    // Offered once more it has not been taken up yet: the failure is the last that was heard.
    failed: renewal?.state === 'failed' || (renewal?.state === 'offered' && renewal.lastCode !== null),
    refused: renewal?.isRefused === true,
    issuerEndsAt: app.authority.issuerNotAfter,
    gaps: gapsOf(visits?.gaps ?? new Uint8Array()),
    awayMs: isHere ? null : away,
  };
}

/**
 * Is no delegation in force for a device that gateways renew? Such is one whose certificate came through a gateway, or that was named in a
 * delegation, if it has not connected with that certificate itself.
 */
function isNotDelegated(app: App, { principal, certificate, via }: Outlook, now: Instant): boolean {
  const { lastSeenAt, activatedAt } = certificate;
  const cameItself = lastSeenAt !== null && (via === null || lastSeenAt > (activatedAt ?? lastSeenAt));
  if (cameItself || principal.kind !== 'device') return false;
  const { glance } = app.store;
  const naming = glance.delegationsFor(principal.id, principal.site);
  if (via === null && naming.length === 0) return false;
  return !naming.some((each) => isInForce(each, now) && glance.principal(each.gatewayId)?.status === 'active');
}

/** When it was here last; at its issuance, where it never was. */
export function lastSeen({ certificate, visits }: Outlook, absences: readonly Absence[]): Instant {
  if (visits) return leftAtOf(visits, absences) ?? visits.cameAt;
  return certificate.lastSeenAt ?? certificate.activatedAt ?? certificate.issuedAt;
}

/** Can a replacement be made at `at` in some key mode that this policy allows? */
export async function hasKeyMode(
  app: App,
  { certificate, principal }: Pick<Outlook, 'certificate' | 'principal'>,
  policy: Policy,
  at: Instant,
): Promise<boolean> {
  // A new key needs nothing of the present one: most devices are judged without a look at it.
  if (policy.keyModes.includes('csr') && ableModes(principal).includes('csr')) return true;
  const entry = await app.store.read.certificate(certificate.fingerprint);
  const history = entry && (await keyHistoryOf(app, app.store.read, principal, entry));
  return possibleKeyModes(policy, principal, history, at).length > 0;
}
