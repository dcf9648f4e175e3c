// The issuing CAs of a home in their slots: which is to be prepared, which is to sign, which is of no more use, and when. Values and the
// clock decide; it knows no key and no file.
import type { Fingerprint } from './certificate.ts';
import type { Instant } from './time.ts';

/**
 * `next`: prepared, or asked for elsewhere. `current`: signs. `former`: its certificates may still be in use, and its revocation lists
 * are signed. `retired`, `aborted`: over; the number is never used again.
 */
export const slotStates = ['next', 'current', 'former', 'retired', 'aborted'] as const;
export type SlotState = (typeof slotStates)[number];

/** The first issuing CA of a home, whose files and URLs have no number. */
export const firstIssuer = 1;

/** Issuing CAs in a slot at a time: each is hinted at in every handshake. */
export const livingSlotsMax = 16;

/** The certificate of an issuing CA as far as the slots need it. */
export interface SlotCertificate {
  /** SHA-256 of its DER. */
  readonly fingerprint: Fingerprint;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
}

export interface IssuingSlot {
  /** From 1. */
  readonly number: number;
  /** The number of the root above it. */
  readonly root: number;
  readonly state: SlotState;
  /** SHA-256 of its SubjectPublicKeyInfo. */
  readonly keyFingerprint: Fingerprint;
  /** Null: its certificate was asked for elsewhere and has not come back. */
  readonly certificate: SlotCertificate | null;
  readonly preparedAt: Instant;
  readonly activatedAt: Instant | null;
  /** When another one took its place. */
  readonly replacedAt: Instant | null;
  /** When it was retired or aborted. */
  readonly endedAt: Instant | null;
  /** No certificate that it has issued ends after this; 0: it has issued none. */
  readonly lastLeafEnd: Instant;
}

/** What the times depend on. All in milliseconds. */
export interface IssuingPolicy {
  /** The longest life that a policy gives a certificate. */
  readonly longestLeafMs: number;
  /** How long after its end a certificate may still come back to be renewed, at most. */
  readonly longestGraceMs: number;
  /** How long before it is needed the next one is prepared; null: two of the longest lives. */
  readonly prepareAheadMs: number | null;
  /** How long before the end of the present one the next takes its place; null: the longest life. */
  readonly activateAheadMs: number | null;
  /** Of an issuing CA that is made now. */
  readonly lifetimeMs: number;
  readonly rootNotAfter: Instant;
  /** Numbers of those that their root has revoked: another one has to take the place of each at once. Absent: none. */
  readonly revoked?: readonly number[];
}

function isRevoked({ number }: IssuingSlot, { revoked = [] }: IssuingPolicy): boolean {
  return revoked.includes(number);
}

/** What a file or URL of an issuing CA is called: `issuing`, then `issuing-2` and so on. */
export function issuingName(number: number): string {
  return number === firstIssuer ? 'issuing' : `issuing-${number}`;
}

export function isLiving({ state }: Pick<IssuingSlot, 'state'>): boolean {
  return state === 'next' || state === 'current' || state === 'former';
}

/** In which slot each root is. */
type RootStates = readonly { readonly number: number; readonly state: SlotState }[];

/**
 * The issuing CAs in use, the one that signs first: the current one below the current root. Those below a root that is only prepared are
 * not, and sign nothing but its server's certificate.
 */
export function inService(slots: readonly IssuingSlot[], roots: RootStates): IssuingSlot[] {
  // A ledger that knows no roots yet has one.
  const unknown = roots.length === 0 ? 'current' : 'next';
  const stateOf = (root: number): SlotState => roots.find(({ number }) => number === root)?.state ?? unknown;
  const used = slots.filter(({ root }) => ['current', 'former', 'retired'].includes(stateOf(root)));
  const signing = used.find((slot) => slot.state === 'current' && stateOf(slot.root) === 'current');
  return signing ? [signing, ...used.filter((slot) => slot !== signing)] : used;
}

export function slotIn(slots: readonly IssuingSlot[], state: 'next' | 'current', root: number): IssuingSlot | null {
  return slots.find((slot) => slot.state === state && slot.root === root) ?? null;
}

/** An issuing CA with its certificate. */
type Certified = IssuingSlot & { readonly certificate: SlotCertificate };

function isCertified(slot: IssuingSlot | null): slot is Certified {
  return slot !== null && slot.certificate !== null;
}

const middle = (from: Instant, to: Instant): Instant => from + Math.floor((to - from) / 2);

/** When the next one is to be prepared and when it is needed, at the latest. Null: there is no current one with a certificate. */
export interface IssuingDates {
  readonly prepareAt: Instant;
  readonly neededAt: Instant;
}

/**
 * The next issuing CA is needed when the present one can no longer give a certificate its whole life, and prepared two such lives before;
 * both at once where the present one is revoked.
 * Where a certificate is to live longer than half as long as its issuing CA, both come later, so that no CA is replaced in the first
 * quarter of its life or leaves before half of it.
 */
export function issuingDates(current: IssuingSlot, policy: IssuingPolicy): IssuingDates | null {
  if (!isCertified(current)) return null;
  const { notBefore, notAfter } = current.certificate;
  if (isRevoked(current, policy)) return { neededAt: notBefore, prepareAt: notBefore };
  const neededAt = Math.max(notAfter - (policy.activateAheadMs ?? policy.longestLeafMs), middle(notBefore, notAfter));
  const aheadMs = policy.prepareAheadMs ?? 2 * policy.longestLeafMs;
  return { neededAt, prepareAt: Math.max(neededAt - aheadMs, middle(notBefore, neededAt)) };
}

/** Would one made now end later than the present one? At the end of the root it would not: then a new root is needed first. */
export function wouldOutlive(current: IssuingSlot, policy: IssuingPolicy, now: Instant): boolean {
  if (!isCertified(current)) return false;
  if (isRevoked(current, policy)) return policy.rootNotAfter > now;
  return Math.min(now + policy.lifetimeMs, policy.rootNotAfter) > current.certificate.notAfter;
}

/** Is the next issuing CA to be prepared now? */
export function shouldPrepare(
  slots: readonly IssuingSlot[],
  policy: IssuingPolicy,
  now: Instant,
  root: number,
): boolean {
  const current = slotIn(slots, 'current', root);
  if (!current || slotIn(slots, 'next', root) || slots.filter(isLiving).length >= livingSlotsMax) return false;
  const dates = issuingDates(current, policy);
  return dates !== null && now >= dates.prepareAt && wouldOutlive(current, policy, now);
}

/** May the next one sign now? A sentence that says why not; null: it may. */
export function objectToActivation(slots: readonly IssuingSlot[], now: Instant, root: number): string | null {
  const next = slotIn(slots, 'next', root);
  if (!next) return 'no issuing CA is prepared';
  if (!isCertified(next)) return `the certificate of issuing CA ${next.number} has not been installed yet`;
  const { notBefore, notAfter } = next.certificate;
  if (now < notBefore) return `issuing CA ${next.number} begins ${new Date(notBefore).toISOString()}`;
  if (now >= notAfter) return `issuing CA ${next.number} ended ${new Date(notAfter).toISOString()}`;
  return null;
}

/** Is the next issuing CA to take the place of the present one now? */
export function shouldActivate(
  slots: readonly IssuingSlot[],
  policy: IssuingPolicy,
  now: Instant,
  root: number,
): boolean {
  const current = slotIn(slots, 'current', root);
  const next = slotIn(slots, 'next', root);
  if (!current || !isCertified(next) || objectToActivation(slots, now, root) !== null) return false;
  const dates = issuingDates(current, policy);
  const isLater = current.certificate === null || next.certificate.notAfter > current.certificate.notAfter;
  return dates !== null && now >= dates.neededAt && (isLater || isRevoked(current, policy));
}

/** From when on no certificate of a former issuing CA can be in use: its last one has ended, and the grace after that. */
export function unusedFrom(slot: IssuingSlot, { longestGraceMs }: Pick<IssuingPolicy, 'longestGraceMs'>): Instant {
  return Math.max(slot.lastLeafEnd === 0 ? 0 : slot.lastLeafEnd + longestGraceMs, slot.replacedAt ?? 0);
}

/** Is this one of no more use, so that its key can go? */
export function shouldRetire(slot: IssuingSlot, policy: Pick<IssuingPolicy, 'longestGraceMs'>, now: Instant): boolean {
  return slot.state === 'former' && now > unusedFrom(slot, policy);
}

/** The slots that change when the next one takes its place: it, and the one before it. */
export function activated(slots: readonly IssuingSlot[], now: Instant, root: number): IssuingSlot[] {
  const current = slotIn(slots, 'current', root);
  const next = slotIn(slots, 'next', root);
  if (!next) return [];
  const before: IssuingSlot[] = current ? [{ ...current, state: 'former', replacedAt: now }] : [];
  // In this order: no two are current at a time.
  return [...before, { ...next, state: 'current', activatedAt: now }];
}

export function ended(slot: IssuingSlot, state: 'retired' | 'aborted', now: Instant): IssuingSlot {
  return { ...slot, state, endedAt: now };
}

/** A step that somebody asked for and another command has to release. */
export interface AskedStep {
  readonly step: 'activate' | 'retire' | 'compromised';
  readonly number: number;
  /** SHA-256 of the certificate of the issuing CA that it is about. */
  readonly fingerprint: Fingerprint;
}

/** Is this the release of the very step that was asked for? */
export function isReleasedBy(asked: AskedStep | null, release: AskedStep): boolean {
  return (
    asked !== null &&
    asked.step === release.step &&
    asked.number === release.number &&
    asked.fingerprint === release.fingerprint
  );
}
