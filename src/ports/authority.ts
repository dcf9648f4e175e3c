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
  readonly revoked: readonly RevokedEntry[];
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
  /** Signs. Fails with GatewayError `authority_unavailable` when it cannot now; the caller tries again. */
  issue(request: ApprovedRequest): Promise<IssuedCertificate>;
  /** Signs a complete CRL and returns its DER. */
  signCrl(request: CrlRequest): Promise<Uint8Array>;
}
