// May this gateway speak for this device, and carry its telemetry? A delegation names the gateway, the devices or the site, the key
// modes, an end and a daily number of renewals. Deny by default: without one that covers the case, the answer is the code of what is missing.
import type { EnrollmentCode } from './errors.ts';
import type { KeyMode, Principal, PrincipalId } from './principal.ts';
import { dayMs, type Instant } from './time.ts';

/** One grant. It covers the devices it names, or all of its site; never both. */
export interface Delegation {
  readonly id: string;
  readonly gatewayId: PrincipalId;
  /** Empty when `site` is set. */
  readonly devices: readonly PrincipalId[];
  readonly site: string | null;
  readonly modes: readonly KeyMode[];
  readonly endsAt: Instant;
  /** Renewals it may begin in a day (UTC). */
  readonly dailyLimit: number;
  readonly createdAt: Instant;
  /** When it was revoked, by hand or with its gateway; null while it stands. */
  readonly revokedAt: Instant | null;
  /** Does it let the gateway carry what the devices publish and subscribe to? Absent: no. */
  readonly telemetry?: true;
}

/**
 * In force at a time, of those that name one device and of those that name one site. All of both are looked at with each message: one more
 * would hide another gateway's.
 */
export const inForceMax = 32;

/** Which day's renewals are counted together: days since 1970, UTC. */
export function dayOf(now: Instant): number {
  return Math.floor(now / dayMs);
}

/** Does the grant name this device, whatever its end? Only devices can be spoken for. */
export function names(delegation: Delegation, device: Principal): boolean {
  if (device.kind !== 'device') return false;
  if (delegation.site !== null) return delegation.site === device.site;
  return delegation.devices.includes(device.id);
}

export function isInForce(delegation: Delegation, now: Instant): boolean {
  return delegation.revokedAt === null && delegation.endsAt > now;
}

export interface DelegationQuestion {
  readonly gateway: Principal;
  readonly lane: 'full' | 'renew-only';
  readonly device: Principal | null;
  /** Every grant of this gateway that might matter, ended ones too. */
  readonly delegations: readonly Delegation[];
  readonly now: Instant;
}

export type DelegationVerdict =
  | { readonly allowed: true; readonly delegations: readonly Delegation[] }
  | { readonly allowed: false; readonly code: EnrollmentCode; readonly detail: string };

/**
 * May the gateway speak and hear on the device's topics now? @returns every grant that says so: for a renewal, one of them
 * must cover its key mode and have renewals left today ({@link chooseDelegation}).
 */
export function mayActFor({ gateway, lane, device, delegations, now }: DelegationQuestion): DelegationVerdict {
  const no = (code: EnrollmentCode, detail: string): DelegationVerdict => ({ allowed: false, code, detail });
  if (gateway.kind !== 'gateway' || gateway.status !== 'active')
    return no('not_authorized', 'only a gateway acts for others');
  if (lane !== 'full') return no('not_authorized', "the gateway's own certificate has to be renewed first");
  // An unknown device and one of somebody else's look the same from here.
  if (device === null || device.status !== 'active') return no('not_delegated', 'not a device of yours');
  const naming = delegations.filter((each) => each.gatewayId === gateway.id && names(each, device));
  const inForce = naming.filter((each) => isInForce(each, now));
  if (inForce.length > 0) return { allowed: true, delegations: inForce };
  if (naming.some((each) => each.revokedAt === null)) return no('delegation_ended', 'the delegation has ended');
  return no('not_delegated', 'not a device of yours');
}

export interface TelemetryQuestion {
  readonly gateway: Principal | null;
  readonly device: Principal | null;
  /** Every grant that might matter, of other gateways too. */
  readonly delegations: readonly Delegation[];
}

/**
 * Until when may this gateway publish and receive on the device's own topics? The answer holds at any time until the inventory or a
 * delegation changes: only this instant is to be compared with the clock. @returns null: never.
 */
export function telemetryUntil({ gateway, device, delegations }: TelemetryQuestion): Instant | null {
  if (gateway?.kind !== 'gateway' || gateway.status !== 'active') return null;
  if (device?.status !== 'active') return null;
  const granting = delegations.filter(
    (each) =>
      each.telemetry === true && each.gatewayId === gateway.id && each.revokedAt === null && names(each, device),
  );
  return granting.length === 0 ? null : Math.max(...granting.map(({ endsAt }) => endsAt));
}

/** Chooses the grant under which a renewal in this mode begins; `usedToday` counts the renewals each has begun. */
export function chooseDelegation(
  delegations: readonly Delegation[],
  mode: KeyMode,
  usedToday: ReadonlyMap<string, number>,
): { readonly delegation: Delegation } | { readonly code: EnrollmentCode; readonly detail: string } {
  const granting = delegations.filter((each) => each.modes.includes(mode));
  if (granting.length === 0) return { code: 'mode_not_granted', detail: `key mode ${mode} is not granted` };
  const delegation = granting.find((each) => (usedToday.get(each.id) ?? 0) < each.dailyLimit);
  return delegation ? { delegation } : { code: 'delegation_exhausted', detail: 'no renewals left today' };
}

/** Does `one` allow the same gateway everything that `other` does, however long? */
function reaches(one: Delegation, other: Delegation): boolean {
  if (one.gatewayId !== other.gatewayId || one.site !== other.site) return false;
  if (other.telemetry && !one.telemetry) return false;
  const devices = new Set(one.devices);
  return other.devices.every((id) => devices.has(id)) && other.modes.every((mode) => one.modes.includes(mode));
}

/** Those that ended after `from`, or end by `until`, and have nothing that lasts longer to follow them. */
export function unfollowed(delegations: readonly Delegation[], from: Instant, until: Instant): Delegation[] {
  const standing = delegations.filter(({ revokedAt }) => revokedAt === null);
  const concerned = standing.filter(({ endsAt }) => endsAt > from && endsAt <= until);
  return concerned.filter((each) => !standing.some((other) => other.endsAt > each.endsAt && reaches(other, each)));
}

/** Those that end by `until` and have nothing to follow them: their devices will not be renewed any more. */
export function endingBy(delegations: readonly Delegation[], now: Instant, until: Instant): Delegation[] {
  const standing = delegations.filter((each) => isInForce(each, now));
  const lasting = standing.filter((each) => each.endsAt > until);
  return standing.filter((each) => each.endsAt <= until && !lasting.some((other) => reaches(other, each)));
}
