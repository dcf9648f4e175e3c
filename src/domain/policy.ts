// How long certificates live, when their replacement begins, and how patient the broker is. All figures in milliseconds.
import { backoffMs } from './backoff.ts';
import { isForeign, type LedgerEntry } from './certificate.ts';
import type { Cohort, KeyMode, PrincipalId } from './principal.ts';
import { dayMs, type Instant, type Span, spanMs } from './time.ts';

export interface Policy {
  readonly lifetimeMs: number;
  /** When in a certificate's life its replacement is due, from notBefore; {@link renewAtOf} for one of another lifetime. */
  readonly renewAt: Span;
  /** The stretch before renewAt over which a fleet is spread, as a share of the lifetime or a duration. */
  readonly spread: Span;
  readonly overlap: Span;
  readonly grace: Span;
  readonly retryFirst: Span;
  readonly retryMax: Span;
  /** How far a certificate's notBefore lies before its issuance, for devices whose clock is slow or absent. */
  readonly backdate: Span;
  /** The modes a renewal may be made in, the preferred first. */
  readonly keyModes: readonly KeyMode[];
  /** How long a key may be certified again, from its first certificate. */
  readonly keyAgeMaxMs: number;
  /** Must a request that a gateway brings, for a device or for itself, be signed by the current key as well? */
  readonly requireDeviceProof: boolean;
  /** How long after `installed` the replacement must have been seen before somebody is alarmed; longer while its device sleeps. */
  readonly activateWithin: Span;
  /** How long before the end of a certificate without a replacement in use somebody is warned, and how long before it alarmed. */
  readonly expiryWarning: Span;
  readonly expiryAlarm: Span;
  /** How long a renewal may be open before somebody is warned. */
  readonly overdueAfter: Span;
  /** CSRs a device may send within one renewal. */
  readonly requestsMax: number;
}

/** No retry comes sooner: a second is what a device needs to answer at all. */
export const retryFloorMs = 1_000;

interface Validity {
  readonly notBefore: Instant;
  readonly notAfter: Instant;
}

/** FNV-1a over UTF-16 units, 32 bits: not for secrets, only to spread a fleet the same way at every evaluation. */
export function spreadFraction(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  hash ^= hash >>> 12;
  return (hash >>> 0) / 0x1_0000_0000;
}

/** The part of the spread in which each cohort is due, from renewAt backwards: the canaries first of all. */
const partOfSpread: Readonly<Record<Cohort, { readonly from: number; readonly to: number }>> = {
  canary: { from: 0.8, to: 1 },
  early: { from: 0.6, to: 0.8 },
  broad: { from: 0, to: 0.6 },
};

/** What is known of a certificate whose dates follow from a policy. */
export type Dated = Pick<LedgerEntry, 'notBefore' | 'notAfter' | 'serial' | 'issuedAt'>;

/** How far two lives may differ and still be the same: both ends of a validity are rounded to whole seconds. */
const sameLifeMs = 2_000;
/** What every due date leaves of a certificate's life. */
const roomShare = 0.01;
/** What an absolute `renewAt` leaves of the life of an adopted certificate that is shorter than the policy has in mind. */
const adoptedRoomShare = 0.1;

/** The part of a policy that all dates of a certificate follow from, in one text: another one, and its dates must be computed anew. */
export const dateRule = ['share of own life', sameLifeMs, roomShare, adoptedRoomShare].join(' ');

/** When its life began: at its issuance, which lies `backdate` after notBefore; of an adopted certificate only notBefore is known. */
function beganAt(certificate: Dated): Instant {
  if (isForeign(certificate)) return certificate.notBefore;
  return Math.min(Math.max(certificate.issuedAt, certificate.notBefore), certificate.notAfter);
}

/** Milliseconds from issuance to notAfter. */
export function lifeMsOf(certificate: Dated): number {
  return Math.max(0, certificate.notAfter - beganAt(certificate));
}

/** Which part of the policy's lifetime the certificate lives for, 1 at most: by it a span of the policy is cut down for a shorter life. */
export function partOfLifetime(certificate: Dated, { lifetimeMs }: Policy): number {
  const lifeMs = lifeMsOf(certificate);
  return lifeMs < lifetimeMs - sameLifeMs ? lifeMs / lifetimeMs : 1;
}

/** Was it issued here for another life than the policy gives now: under another policy, or cut short by the end of the issuing CA? */
function hasOtherLife(certificate: Dated, { lifetimeMs, backdate }: Policy): boolean {
  if (isForeign(certificate)) return false;
  const wholeMs = certificate.notAfter - certificate.notBefore;
  return Math.abs(wholeMs - lifetimeMs - spanMs(backdate, lifetimeMs)) > sameLifeMs;
}

/**
 * The length of a span of the policy for this certificate. A duration was chosen for the policy's own lifetime: a certificate that
 * was issued here for another life has the same share of that. An adopted one has it as it is written.
 */
export function spanFor(span: Span, certificate: Dated, policy: Policy): number {
  const wholeMs = Math.max(0, certificate.notAfter - certificate.notBefore);
  if (span.kind === 'share' || !hasOtherLife(certificate, policy)) return spanMs(span, wholeMs);
  return Math.floor((span.ms / policy.lifetimeMs) * lifeMsOf(certificate));
}

/** How much earlier than renewAt a certificate is due by its place in the spread, in milliseconds. */
export function spreadMs(certificate: Dated, principalId: PrincipalId, cohort: Cohort, policy: Policy): number {
  const { from, to } = partOfSpread[cohort];
  const place = from + (to - from) * spreadFraction(`${principalId}/${certificate.serial}`);
  return Math.floor(spanFor(policy.spread, certificate, policy) * place);
}

/**
 * When `renewAt` of the policy comes for this certificate, before the spread and without the room that is always left. A share counts
 * from notBefore over the whole validity. So does a duration, except for a certificate that was issued here for another life: it has
 * the same share of its own, (renewAt - backdate) / lifetime, from its issuance.
 */
export function renewAtOf(certificate: Dated, policy: Policy): Instant {
  const { renewAt, lifetimeMs } = policy;
  if (renewAt.kind === 'share' || !hasOtherLife(certificate, policy)) {
    return certificate.notBefore + spanMs(renewAt, Math.max(0, certificate.notAfter - certificate.notBefore));
  }
  const share = (renewAt.ms - spanMs(policy.backdate, lifetimeMs)) / lifetimeMs;
  return beganAt(certificate) + Math.floor(share * lifeMsOf(certificate));
}

/**
 * The latest at which a replacement is due: a hundredth of the certificate's life is left, no less than a second, and no more than
 * half of it. Where a duration in `renewAt` does not fit an adopted certificate, a tenth is left, or what the policy leaves its own.
 */
function latestOf(certificate: Dated, { renewAt, lifetimeMs }: Policy): Instant {
  const lifeMs = lifeMsOf(certificate);
  const isAdopted = isForeign(certificate) && renewAt.kind === 'duration';
  const ownShare = 1 - spanMs(renewAt, lifetimeMs) / lifetimeMs;
  const share = Math.max(roomShare, isAdopted ? Math.min(adoptedRoomShare, ownShare) : 0);
  return Math.floor(certificate.notAfter - Math.min(lifeMs / 2, Math.max(lifeMs * share, retryFloorMs)));
}

/**
 * When the replacement of a certificate is due: at the policy's `renewAt`, moved earlier by a place in its cohort's part of the
 * spread that depends on principal and serial alone, so it never moves between evaluations. Always within validity, with time left to
 * renew; of two cohorts the one that goes first never has the later time for the same certificate.
 */
export function renewalTime(certificate: Dated, principalId: PrincipalId, cohort: Cohort, policy: Policy): Instant {
  const at = renewAtOf(certificate, policy) - spreadMs(certificate, principalId, cohort, policy);
  return Math.max(Math.min(at, latestOf(certificate, policy)), certificate.notBefore);
}

/**
 * The validity of a certificate issued at `now`, in whole seconds as X.509 has it: never past the issuer's own notAfter
 * (RFC 5280, 6.1: a path is valid no longer than its shortest certificate).
 * @param replaced the certificate it is to replace, if any.
 * @returns null when the issuer's end leaves it no time, or none beyond what the replaced one has: it is not worth issuing.
 */
export function validityAt(
  now: Instant,
  policy: Policy,
  issuerNotAfter: Instant,
  replaced: Pick<LedgerEntry, 'notAfter'> | null,
): Validity | null {
  const backdateMs = Math.min(spanMs(policy.backdate, policy.lifetimeMs), policy.lifetimeMs);
  const floor = (instant: Instant): Instant => Math.floor(instant / 1_000) * 1_000;
  const wanted = now + policy.lifetimeMs;
  const notAfter = floor(Math.min(wanted, issuerNotAfter));
  const isCutShort = issuerNotAfter < wanted;
  if (isCutShort && notAfter <= Math.max(now, replaced?.notAfter ?? 0)) return null;
  return { notBefore: floor(now - backdateMs), notAfter };
}

/** How many renewals a device under this policy needs in a day, one after another. */
export function renewalsPerDay({ renewAt, backdate, lifetimeMs }: Policy): number {
  const backMs = spanMs(backdate, lifetimeMs);
  return dayMs / Math.max(1, spanMs(renewAt, lifetimeMs + backMs) - backMs);
}

/** Until when a certificate superseded at `now` is still admitted: the overlap, but never past its own notAfter. */
export function overlapEnd(certificate: Pick<LedgerEntry, 'notAfter'>, now: Instant, policy: Policy): Instant {
  return Math.min(certificate.notAfter, now + spanMs(policy.overlap, policy.lifetimeMs));
}

/** How long after notAfter the renew-only lane stays open. */
export function graceMs(policy: Policy): number {
  return spanMs(policy.grace, policy.lifetimeMs);
}

/** Pause before the attempt after `attempt` (from 1): doubling from retryFirst up to retryMax, never below one second. */
export function retryDelayMs(policy: Policy, attempt: number): number {
  const first = spanMs(policy.retryFirst, policy.lifetimeMs);
  const most = Math.max(spanMs(policy.retryMax, policy.lifetimeMs), first, retryFloorMs);
  return backoffMs(attempt - 1, Math.max(first, retryFloorMs), most);
}
