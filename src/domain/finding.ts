// What somebody should look at in a fleet although nothing has failed yet: each kind, and which of them are so of one principal.
import type { LedgerEntry } from './certificate.ts';
import { activateBy, type Comings } from './deadlines.ts';
import type { Policy } from './policy.ts';
import { graceMs } from './policy.ts';
import type { Principal, PrincipalId } from './principal.ts';
import { standingOf } from './standing.ts';
import { formatDuration, type Instant, spanMs } from './time.ts';

/** Every kind of finding, and what it means. docs/operations.md lists the same, and a test holds the two together. */
export const findingKinds = {
  dark: 'it had a certificate, and none lets it in any more',
  never_seen: 'in the inventory, and never seen in use',
  not_in_inventory: 'a certificate in a name that the inventory does not hold was refused',
  unknown_certificate: 'a certificate in the name of a device was refused, because the ledger does not know it',
  client_id_mismatch: 'it connects under a client id that is not its own',
  no_owner: 'it has no owner',
  shared_key: 'one key on several devices',
  several_active: 'several active certificates',
  name_mismatch: 'its certificate names it otherwise than the inventory does',
  site_mismatch: 'its site is not the site of its gateway',
  still_on_old: 'it still uses a certificate that has been replaced',
  installed_not_activated: 'it reported its replacement as installed, and was not seen with it',
  unknown_class: 'its class is not configured: it has the default policy',
  unknown_source: 'its source is not configured: nothing updates its record',
  validity_beyond_policy: 'a certificate that lives longer than its policy allows',
  no_way_to_renew: 'a certificate in use that nothing will replace',
  not_of_source: 'an inventory source names a device that is not its own',
  does_not_verify_server: 'it connects to a broker that nobody can trust',
  decommissioned_here: 'decommissioned here, and in service in its inventory source',
} as const;
export type FindingKind = keyof typeof findingKinds;

export interface FleetFinding {
  readonly kind: FindingKind;
  /** One sentence; figures that change by the minute do not belong into it. */
  readonly detail: string;
}

/** A certificate that may still open a session, or could until it expired. */
export interface CertificateInUse
  extends Pick<
    LedgerEntry,
    'serial' | 'state' | 'notBefore' | 'notAfter' | 'renewalId' | 'issuedAt' | 'activatedAt' | 'lastSeenAt' | 'renewAt'
  > {
  readonly sharedWith: PrincipalId | null;
  /** Issued: when its device said that it had installed it; null: it has not. */
  readonly installedAt: Instant | null;
  /** The common name in it, where that is not the principal's id; null: it is. */
  readonly otherName: string | null;
  /** Active: will nothing replace it, because no renewal is planned and none is open? */
  readonly isUnplanned: boolean;
  /** Active: is there no key mode that policy, device and key have in common? */
  readonly hasNoMode: boolean;
}

export interface FleetFacts extends Comings {
  readonly principal: Principal;
  /** The oldest first. */
  readonly certificates: readonly CertificateInUse[];
  readonly lastSeenAt: Instant | null;
  /** Until when it is let in, or was; null: it never had a certificate. */
  readonly litUntil: Instant | null;
  /** Of the gateway its record names; null: none, or no site. */
  readonly gatewaySite: string | null;
  readonly policy: Policy;
  /** False: the policy is the default's, because the configuration does not have its class. */
  readonly classIsConfigured: boolean;
  /** False: it is from a source that the configuration does not have. */
  readonly sourceIsConfigured: boolean;
  readonly now: Instant;
}

type Finder = (facts: FleetFacts) => string | null;

const dark: Finder = ({ principal, litUntil, now }) =>
  litUntil !== null && standingOf(principal, litUntil, now) === 'dark'
    ? `no certificate lets it in since ${new Date(litUntil).toISOString()}`
    : null;

const neverSeen: Finder = ({ certificates, lastSeenAt, litUntil }) => {
  if (lastSeenAt !== null || certificates.some((each) => each.lastSeenAt !== null)) return null;
  return litUntil === null ? 'no certificate was ever issued to it' : 'its certificate was never seen in use';
};

const unknownClass: Finder = ({ principal, classIsConfigured }) =>
  classIsConfigured ? null : `class ${principal.class} is not configured: it has the policy of default`;

const unknownSource: Finder = ({ principal, sourceIsConfigured }) =>
  sourceIsConfigured ? null : `source ${principal.source} is not configured: nothing updates its record`;

const noOwner: Finder = ({ principal }) => (principal.owner === '' ? 'it has no owner' : null);

const sharedKey: Finder = ({ certificates }) => {
  const shared = certificates.find(({ sharedWith }) => sharedWith !== null);
  return shared ? `the key of certificate ${shared.serial} is that of ${shared.sharedWith} too` : null;
};

const severalActive: Finder = ({ certificates }) => {
  const active = certificates.filter(({ state }) => state === 'active').length;
  return active > 1 ? `${active} certificates are active side by side` : null;
};

const nameMismatch: Finder = ({ certificates }) => {
  const other = certificates.find(({ otherName }) => otherName !== null);
  return other ? `certificate ${other.serial} calls it ${other.otherName}` : null;
};

const siteMismatch: Finder = ({ principal: { site, gateway }, gatewaySite }) =>
  site !== null && gatewaySite !== null && site !== gatewaySite
    ? `it is at ${site}, its gateway ${gateway} at ${gatewaySite}`
    : null;

const stillOnOld: Finder = ({ certificates, policy, now }) => {
  const newest = certificates.findLast(({ state }) => state === 'active');
  const activatedAt = newest?.activatedAt ?? Number.POSITIVE_INFINITY;
  const old = certificates.find(({ state, lastSeenAt }) => state === 'superseded' && (lastSeenAt ?? 0) > activatedAt);
  if (old) return `certificate ${old.serial} is in use after it was replaced`;
  const patienceMs = spanMs(policy.activateWithin, policy.lifetimeMs);
  const unused = certificates.find(
    ({ state, renewalId, issuedAt }) =>
      state === 'issued' && renewalId !== null && issuedAt + patienceMs <= now && (newest?.lastSeenAt ?? 0) > issuedAt,
  );
  return unused ? `its replacement ${unused.serial} was issued, and it still comes with the old one` : null;
};

const installedNotActivated: Finder = (facts) => {
  const { certificates, policy, now } = facts;
  const oldEndsAt = certificates.findLast(({ state }) => state === 'active')?.notAfter ?? now;
  const unused = certificates.find(
    ({ installedAt }) => installedAt !== null && activateBy({ installedAt, oldEndsAt }, facts, policy) <= now,
  );
  return unused ? `it installed its replacement ${unused.serial}, which was never seen in use` : null;
};

/** X.509 has whole seconds. */
const roundingMs = 1_000;

const validityBeyondPolicy: Finder = ({ certificates, policy }) => {
  const mostMs = policy.lifetimeMs + spanMs(policy.backdate, policy.lifetimeMs) + roundingMs;
  const long = certificates.find((each) => isLiving(each) && each.notAfter - each.notBefore > mostMs);
  if (!long) return null;
  const words = [formatDuration(long.notAfter - long.notBefore), formatDuration(policy.lifetimeMs)];
  return `certificate ${long.serial} lives ${words[0]}, its policy has ${words[1]}`;
};

const noWayToRenew: Finder = ({ principal, certificates, policy, now }) => {
  const active = certificates.filter(({ state }) => state === 'active');
  if (active.some(({ hasNoMode }) => hasNoMode)) return 'policy, device and key have no key mode in common';
  if (active.length > 0 && principal.status === 'quarantined') return 'it is in quarantine and cannot renew';
  if (active.some(({ isUnplanned }) => isUnplanned))
    return 'no renewal of its certificate is open, and none is planned';
  const isOver = certificates.some(({ state, notAfter }) => state === 'expired' && notAfter + graceMs(policy) <= now);
  return isOver && !certificates.some(isLiving) ? 'its certificate and grace have ended: issue one by hand' : null;
};

function isLiving({ state }: CertificateInUse): boolean {
  return state === 'issued' || state === 'active' || state === 'superseded';
}

const finders = {
  dark,
  never_seen: neverSeen,
  no_owner: noOwner,
  shared_key: sharedKey,
  several_active: severalActive,
  name_mismatch: nameMismatch,
  site_mismatch: siteMismatch,
  still_on_old: stillOnOld,
  installed_not_activated: installedNotActivated,
  unknown_class: unknownClass,
  unknown_source: unknownSource,
  validity_beyond_policy: validityBeyondPolicy,
  no_way_to_renew: noWayToRenew,
} as const satisfies Partial<Record<FindingKind, Finder>>;

/** The kinds that a look over the fleet makes and forgets; the others come from who makes them. */
export const surveyedKinds = Object.keys(finders) as (keyof typeof finders)[];

/** What is so of one principal. Of a decommissioned one, nothing. */
export function findingsOf(facts: FleetFacts): FleetFinding[] {
  if (facts.principal.status === 'decommissioned') return [];
  return surveyedKinds.flatMap((kind) => {
    const detail = finders[kind](facts);
    return detail === null ? [] : [{ kind, detail }];
  });
}
