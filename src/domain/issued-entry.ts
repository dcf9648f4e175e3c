// Is the certificate that an authority answered with the one that was asked for? If it is, the row it begins its life in the ledger
// with: as it came back, since a CA elsewhere chooses serial numbers, and may choose a shorter validity.
import type { Fingerprint, LedgerEntry, Serial } from './certificate.ts';
import { type AlternativeName, type ApprovedRequest, namesPrincipal } from './request.ts';
import type { Instant } from './time.ts';

/** What an issued certificate says. */
export interface IssuedFacts {
  readonly der: Uint8Array;
  readonly fingerprint: Fingerprint;
  readonly serial: Serial;
  readonly keyFingerprint: Fingerprint;
  /** All of its subject; null: one that is no text. */
  readonly commonNames: readonly (string | null)[];
  readonly alternativeNames: readonly AlternativeName[];
  /** May it issue certificates or sign revocation lists? */
  readonly mayIssue: boolean;
  /** What TLS may use it for; null: extendedKeyUsage is absent, so for everything (RFC 5280, 4.2.1.12). */
  readonly purposes: readonly ('clientAuth' | 'other')[] | null;
  /** A critical extension that nobody here understands, by name; null: there is none. */
  readonly unknownCritical: string | null;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** Did the issuer that it came with sign it, and is that one of the authority's? */
  readonly isSigned: boolean;
}

/** How much longer than it was asked for a certificate may live: CAs round, and count from the moment they sign. */
const lifeSlackMs = 3_600_000;

type Rule = (request: ApprovedRequest, facts: IssuedFacts, now: Instant) => string | null;

const rules: readonly Rule[] = [
  ({ keyFingerprint }, facts) => (facts.keyFingerprint === keyFingerprint ? null : 'it certifies another key'),
  (_, { isSigned }) => (isSigned ? null : "none of the authority's issuers signed it"),
  (_, { mayIssue }) => (mayIssue ? 'it may issue certificates or sign revocation lists' : null),
  // With serverAuth, or for any purpose, a device could pose as the broker.
  (_, { purposes }) =>
    purposes?.length === 1 && purposes[0] === 'clientAuth' ? null : 'it is not for clientAuth alone',
  ({ principalId }, { commonNames }) =>
    commonNames.some((name) => name !== principalId) ? 'its common name is not the principal' : null,
  ({ kind, principalId }, { alternativeNames }) => {
    const added = alternativeNames.find((name) => !namesPrincipal(name, kind, principalId));
    return added ? `it has an alternative name that was not asked for, ${added.type}` : null;
  },
  (_, { commonNames, alternativeNames }) =>
    commonNames.length + alternativeNames.length > 0 ? null : 'it does not name the principal',
  (_, { unknownCritical }) => (unknownCritical === null ? null : `critical extension ${unknownCritical} is unknown`),
  (_, { notBefore, notAfter }) => (notBefore < notAfter ? null : 'it ends before it begins'),
  (_, { notAfter }, now) => (now < notAfter ? null : 'it has ended'),
  ({ notBefore, notAfter }, issued) =>
    issued.notAfter - issued.notBefore <= notAfter - notBefore + lifeSlackMs
      ? null
      : 'it lives longer than was asked for',
];

/** Null: it is what was asked for. Another serial number, a shorter validity and extensions that grant nothing are no objections. */
export function objectToIssued(request: ApprovedRequest, facts: IssuedFacts, now: Instant): string | null {
  for (const rule of rules) {
    const objection = rule(request, facts, now);
    if (objection) return objection;
  }
  return null;
}

/** Where a certificate came from: the renewal it was issued for, null: by hand; and the number of the home's issuing CA, null: another CA. */
export interface Origin {
  readonly renewalId: string | null;
  readonly issuer: number | null;
}

export function issuedEntry(
  { principalId }: ApprovedRequest,
  { der, fingerprint, serial, keyFingerprint, notBefore, notAfter }: IssuedFacts,
  { renewalId, issuer }: Origin,
  issuedAt: Instant,
): LedgerEntry {
  return {
    fingerprint,
    serial,
    principalId,
    state: 'issued',
    notBefore,
    notAfter,
    keyFingerprint,
    issuer,
    der,
    renewalId,
    issuedAt,
    activatedAt: null,
    lastSeenAt: null,
    renewAt: null,
    overlapUntil: null,
    revokedAt: null,
    revocationReason: null,
  };
}
