// The certificate authority as the application needs it: it signs what was approved, and lists what was revoked.
import type { Fingerprint, RevocationReason, Serial } from '../domain/certificate.ts';
import type { ApprovedRequest, Profile } from '../domain/request.ts';
import type { Instant } from '../domain/time.ts';

export interface IssuedCertificate {
  readonly der: Uint8Array;
  readonly fingerprint: Fingerprint;
}

export interface RevokedEntry {
  readonly serial: Serial;
  readonly revokedAt: Instant;
  readonly reason: RevocationReason;
}

export interface CrlRequest {
  /** Monotonic CRL number (RFC 5280, 5.2.3). */
  readonly number: number;
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant;
  /** The URL that the certificates in its scope name (RFC 5280, 5.2.5); null: it lists all that this authority revoked. */
  readonly distributionPoint: string | null;
  /** In pages, and asked for one after another: the whole list need not be in memory, and others have their turn in between. */
  readonly revoked: AsyncIterable<readonly RevokedEntry[]>;
}

export interface Authority {
  /** The issuing CA's own notAfter: no certificate it signs may outlive it. */
  readonly issuerNotAfter: Instant;
  /** DER of the certificates between a leaf and the root, the issuing CA first, the root left out. */
  readonly chain: readonly Uint8Array[];
  /** DER of the root. */
  readonly root: Uint8Array;
  /** The profile held against requests for this purpose. */
  profile(name: string): Profile;
  /**
   * Signs. Fails with GatewayError `authority_unavailable` when it cannot now; the caller tries again.
   * @param crlUrl where the certificate is to say that its revocation is published; absent: at the complete CRL.
   */
  issue(request: ApprovedRequest, crlUrl?: string): Promise<IssuedCertificate>;
  /** Signs a CRL and returns its DER in pieces, without holding up the event loop. Fails as {@link issue}, and as its pages do. */
  signCrl(request: CrlRequest): Promise<readonly Uint8Array[]>;
}
