// Who may come in: one ordered list of checks over values. The first that objects decides; nothing here reads a clock,
// a certificate chain or a database.
import type { LedgerEntry } from './certificate.ts';
import { hasFormOf } from './client-id.ts';
import type { Principal, PrincipalId } from './principal.ts';
import type { Instant } from './time.ts';

/** Every reason a verdict can carry, with what it means. docs/protocol.md lists the same, and a test holds them together. */
export const admissionReasons = {
  admitted: 'the certificate is in the ledger, in its lifetime, and its principal is active',
  overlap: 'a superseded certificate, still within its overlap',
  expired_in_grace: 'the certificate has expired and grace has not: renewal only',
  bootstrap: 'a stranger introduced by a bootstrap anchor, expected by the inventory: enrollment only',
  no_certificate: 'no client certificate was presented',
  unknown_certificate: 'the ledger does not hold these bytes and no bootstrap anchor introduces them',
  unknown_principal: 'the inventory does not hold the principal the certificate belongs to',
  decommissioned: 'the principal is decommissioned',
  quarantined: 'the principal is quarantined',
  revoked: 'the certificate is revoked',
  retired: 'the certificate was replaced and its overlap has ended: somebody still holds it',
  not_yet_valid: 'notBefore has not come, beyond the allowed skew, and it was not in use at a time still ahead',
  expired: 'notAfter and grace have passed',
  client_id_mismatch:
    "the MQTT client id is neither the principal's id nor begins with it and a colon, or is another principal's with a longer id",
} as const;
export type AdmissionReason = keyof typeof admissionReasons;

/** What the edge found out about a certificate that is not in the ledger. */
export interface StrangerFacts {
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** Every signature up to an enrolled anchor verifies, and every issuer on the way may issue. Time is judged apart. */
  readonly introduced: boolean;
  /** The inventory holds the identity it claims and has never seen a certificate of it in use. */
  readonly expected: boolean;
}

export interface AdmissionInput {
  /** Was any client certificate presented? */
  readonly presented: boolean;
  readonly entry: LedgerEntry | null;
  readonly stranger: StrangerFacts | null;
  readonly principal: Principal | null;
  readonly clientId: string;
  /** The longest id in the inventory that has a better claim to the client id than the principal's; null: none. */
  readonly claimedBy: PrincipalId | null;
  readonly graceMs: number;
  readonly skewMs: number;
  readonly now: Instant;
}

export type Verdict =
  | { readonly lane: 'full'; readonly reason: 'admitted' | 'overlap'; readonly endsAt: Instant }
  | { readonly lane: 'renew-only'; readonly reason: 'expired_in_grace' | 'bootstrap'; readonly endsAt: Instant }
  | { readonly lane: 'refused'; readonly reason: AdmissionReason };

type Check = (input: AdmissionInput) => AdmissionReason | null;

const wasPresented: Check = (input) => (input.presented ? null : 'no_certificate');

const isKnown: Check = ({ entry, stranger }) => {
  if (entry) return null;
  return stranger?.introduced && stranger.expected ? null : 'unknown_certificate';
};

const hasPrincipal: Check = ({ principal }) => (principal ? null : 'unknown_principal');

const principalIsActive: Check = ({ principal }) => {
  if (principal?.status === 'decommissioned') return 'decommissioned';
  return principal?.status === 'quarantined' ? 'quarantined' : null;
};

const isNotRevoked: Check = ({ entry }) => {
  if (entry?.state === 'revoked') return 'revoked';
  return entry?.state === 'retired' ? 'retired' : null;
};

const hasBegun: Check = ({ entry, stranger, now, skewMs }) => {
  const latest = now + skewMs;
  if ((entry ?? stranger ?? { notBefore: 0 }).notBefore <= latest) return null;
  // It was in use at a time that is still ahead: the clock was wrong then, or is now, and its device has no other certificate.
  return entry?.activatedAt != null && entry.activatedAt > latest ? null : 'not_yet_valid';
};

const hasNotEnded: Check = ({ entry, stranger, now, graceMs }) => {
  // Only notAfter is ever relaxed, and only for what the ledger holds: a stranger gets no grace.
  if (entry) return entry.notAfter + graceMs <= now ? 'expired' : null;
  return stranger && stranger.notAfter <= now ? 'expired' : null;
};

const overlapHasNotEnded: Check = ({ entry, now }) =>
  entry?.state === 'superseded' && (entry.overlapUntil ?? 0) <= now ? 'retired' : null;

const clientIdIsItsOwn: Check = ({ principal, clientId, claimedBy }) =>
  principal && hasFormOf(principal.id, clientId) && !claimedBy ? null : 'client_id_mismatch';

const checks: readonly Check[] = [
  wasPresented,
  isKnown,
  hasPrincipal,
  principalIsActive,
  isNotRevoked,
  hasBegun,
  hasNotEnded,
  overlapHasNotEnded,
  clientIdIsItsOwn,
];

/**
 * Judges one connect. Total: every input gets a verdict, and what no check objects to is admitted only as far as the
 * ledger entry or the introduction carries. `endsAt` is when the session must end, whatever its keepalive says.
 */
export function admit(input: AdmissionInput): Verdict {
  for (const check of checks) {
    const objection = check(input);
    if (objection) return { lane: 'refused', reason: objection };
  }
  const { entry, stranger, now, graceMs } = input;
  if (!entry) return { lane: 'renew-only', reason: 'bootstrap', endsAt: stranger?.notAfter ?? now };
  // Its own notAfter alone decides: the state `expired` may be the work of a clock that ran ahead.
  if (entry.notAfter <= now) {
    return { lane: 'renew-only', reason: 'expired_in_grace', endsAt: entry.notAfter + graceMs };
  }
  if (entry.state === 'superseded') {
    return { lane: 'full', reason: 'overlap', endsAt: Math.min(entry.notAfter, entry.overlapUntil ?? entry.notAfter) };
  }
  return { lane: 'full', reason: 'admitted', endsAt: entry.notAfter };
}
