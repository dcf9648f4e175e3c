// The ledger's row: one certificate that is known, and the state it is in.
import type { PrincipalId } from './principal.ts';
import type { Instant } from './time.ts';

/** Lower-case hex SHA-256 of the certificate's DER, or of a SubjectPublicKeyInfo's DER. 64 characters. */
export type Fingerprint = string & { readonly brand: 'Fingerprint' };

/** A certificate serial number in lower-case hex, without leading zeros beyond a whole octet. */
export type Serial = string & { readonly brand: 'Serial' };

/**
 * The serial number of another CA's certificate as the ledger has it: unique within its issuer alone (RFC 5280, 4.1.2.2), it carries
 * the issuer's mark. @param issuer SHA-256 of what names the issuer.
 */
export function foreignSerial(serial: Serial, issuer: Fingerprint): Serial {
  return `${serial}@${issuer.slice(0, 16)}` as Serial;
}

/** Did another CA issue it? Then only that CA's revocation list can name it. */
export function isForeign({ serial }: { readonly serial: Serial }): boolean {
  return serial.includes('@');
}

/** The serial number as the certificate itself has it. */
export function bareSerial(serial: Serial): Serial {
  return serial.replace(/@.*$/, '') as Serial;
}

export const certificateStates = ['issued', 'active', 'superseded', 'retired', 'revoked', 'expired'] as const;
export type CertificateState = (typeof certificateStates)[number];

/** CRL reasons in use, with their codes (RFC 5280, 5.3.1). */
export const revocationReasons = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
} as const;
export type RevocationReason = keyof typeof revocationReasons;

/**
 * Does being seen at `now`, in its lifetime, make it the active one? Issued, it is its first use; expired, it was declared so by a
 * clock that ran ahead.
 */
export function awakens({ state, notAfter }: Pick<LedgerEntry, 'state' | 'notAfter'>, now: Instant): boolean {
  return state === 'issued' || (state === 'expired' && notAfter > now);
}

/** One certificate known to the ledger. */
export interface LedgerEntry {
  readonly fingerprint: Fingerprint;
  readonly serial: Serial;
  readonly principalId: PrincipalId;
  readonly state: CertificateState;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** SHA-256 of the certified SubjectPublicKeyInfo. */
  readonly keyFingerprint: Fingerprint;
  /** The number of the home's issuing CA that signed it; null: another CA did. */
  readonly issuer: number | null;
  readonly der: Uint8Array;
  /** The renewal that brought it about; null for one issued by hand or imported. */
  readonly renewalId: string | null;
  readonly issuedAt: Instant;
  /** First connection made with it: its activation. */
  readonly activatedAt: Instant | null;
  readonly lastSeenAt: Instant | null;
  /** When its replacement is due to be offered; null while a renewal is open or none is wanted. */
  readonly renewAt: Instant | null;
  /** Superseded certificates only: until when they are still admitted. */
  readonly overlapUntil: Instant | null;
  /** When it stopped being good, for those the CRL must list. */
  readonly revokedAt: Instant | null;
  readonly revocationReason: RevocationReason | null;
}
