// A certificate authority as the application needs it: it certifies what was approved, now or later. What one cannot do is absent.
import type { RevocationReason, Serial } from '../domain/certificate.ts';
import type { ApprovedRequest } from '../domain/request.ts';
import type { Instant } from '../domain/time.ts';

export interface RevokedEntry {
  readonly serial: Serial;
  readonly revokedAt: Instant;
  readonly reason: RevocationReason;
}

export interface CrlRequest {
  /** Which of the home's issuing CAs signs it; absent: the one that signs now. */
  readonly issuer?: number;
  /** Monotonic CRL number (RFC 5280, 5.2.3). */
  readonly number: number;
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant;
  /** The URL that the certificates in its scope name (RFC 5280, 5.2.5); null: it lists all that this authority revoked. */
  readonly distributionPoint: string | null;
  /** In pages, and asked for one after another: the whole list need not be in memory, and others have their turn in between. */
  readonly revoked: AsyncIterable<readonly RevokedEntry[]>;
}

/** A certificate of the authority that is good no more. */
export interface Revocation {
  /** As the certificate has it: unique for its issuer alone. */
  readonly serial: Serial;
  /** DER: its issuer is in it, where the authority has had several. */
  readonly certificate: Uint8Array;
  readonly revokedAt: Instant;
  readonly reason: RevocationReason;
}

/** DER of the certificates between a leaf and the root, the issuing CA first, the root left out. */
export type Chain = readonly [Uint8Array, ...Uint8Array[]];

/** A CA that certifies principals. */
export interface IssuingCa {
  /** Its number among the issuing CAs of this home; absent: it is elsewhere. */
  readonly number?: number;
  readonly chain: Chain;
  /** Its own notAfter: no certificate it signs may outlive it. */
  readonly notAfter: Instant;
}

/** What certificates of an authority are verified with. */
export interface Trust {
  /** The one that signs now, then those whose certificates are still in use. */
  readonly issuers: readonly [IssuingCa, ...IssuingCa[]];
  /** DER of the roots, the one above the present issuer first. */
  readonly roots: readonly [Uint8Array, ...Uint8Array[]];
}

/** An answer to a request. */
export type Issuance =
  | {
      readonly kind: 'issued';
      /** DER. It is read and held against the request before it is believed. */
      readonly certificate: Uint8Array;
      readonly chain: Chain;
    }
  | {
      /** The authority has the request and will answer it when it is asked again. */
      readonly kind: 'pending';
      readonly askAgainMs: number;
    };

export interface Authority {
  /**
   * The issuers and roots, which may change while nolapse runs: ask each time. Answered from memory, since it is asked for every
   * renewal. Throws a NolapseError where there is nothing to answer with.
   */
  trust(): Trust;
  /**
   * Certifies the key of a request. Its serial number names the request: the ledger keeps the request before this is called, so
   * that one asked twice is known by it, and at most one of two answers enters the ledger. An authority that chooses serial numbers
   * itself uses it as its request's id. Fails with NolapseError `authority_unavailable` when it cannot now; the caller tries again.
   * @param crlUrl where the certificate is to say that its revocation is published; absent: where the authority publishes it.
   */
  issue(request: ApprovedRequest, crlUrl?: string): Promise<Issuance>;
  /** Does it sign in this process, with a key that was held against its certificate? Then nobody verifies its signatures. */
  readonly signsHere?: true;
  /** Does it certify keys without a PKCS#10 request of their holder? Absent: it does not, and each request needs its CSR. */
  readonly certifiesKeys?: true;
  /**
   * Takes word that a certificate it issued is revoked. It is told until this resolves, at least once, perhaps after a restart and
   * perhaps after the certificate has ended: resolve where it is revoked already, or where there is nothing left to revoke. Fails as
   * {@link issue}. Absent: nobody tells the authority.
   */
  revoke?(revocation: Revocation): Promise<void>;
  /**
   * Signs a CRL and returns its DER in pieces, without holding up the event loop. Fails as {@link issue}, and as its pages do.
   * Absent: the authority publishes its own.
   */
  signCrl?(request: CrlRequest): Promise<readonly Uint8Array[]>;
}
