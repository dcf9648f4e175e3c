// Renewals, and what belongs to one while it goes on: its request, what has arrived of it, and the key made for its device.
import type { Fingerprint } from '../domain/certificate.ts';
import type { PrincipalId } from '../domain/principal.ts';
import type { Renewal, RenewalState } from '../domain/renewal.ts';
import type { ApprovedRequest } from '../domain/request.ts';
import type { Instant } from '../domain/time.ts';

export interface RenewalQuery {
  readonly principalId?: PrincipalId;
  readonly state?: RenewalState;
  /** Older than the renewal with this id; where there is none, nothing is. */
  readonly after?: string;
}

export interface RenewalReader {
  renewal(id: string): Promise<Renewal | null>;
  /** The renewal that is open for this principal, or activated and not yet retired or confirmed; the newest. */
  currentRenewal(id: PrincipalId): Promise<Renewal | null>;
  /** The open renewal that replaces this certificate, if there is one. */
  openRenewalFor(old: Fingerprint): Promise<Renewal | null>;
  /** Every renewal of this principal that has not ended: open ones, and an activated one until it is retired. */
  unendedRenewals(id: PrincipalId): Promise<Renewal[]>;
  /** The newest first; of one principal, in one state as it is shown ({@link shownState}), or all. For operators: it may read many rows. */
  renewals(query: RenewalQuery, limit: number): Promise<Renewal[]>;
  /** Renewals whose nextAt has come, the earliest first. */
  dueRenewals(now: Instant, limit: number): Promise<Renewal[]>;
  /** The accepted request of a renewal, settled down to its serial; null when there is none. */
  request(renewalId: string): Promise<ApprovedRequest | null>;
  /** What has arrived of a request that comes in parts from the device itself, from its first byte on. */
  upload(renewalId: string): Promise<{ readonly total: number; readonly bytes: Uint8Array } | null>;
  /** The key made for a device, as CMS EnvelopedData, until the device has it. */
  envelope(renewalId: string): Promise<Uint8Array | null>;
}

export interface RenewalWriter {
  putRenewal(renewal: Renewal): Promise<void>;
  /**
   * Keeps the request a renewal accepted, replacing an earlier one: its key is this principal's from then on. Fails with NolapseError
   * `conflict` when another holds it, by a certificate or a request.
   */
  putRequest(renewalId: string, request: ApprovedRequest): Promise<void>;
  putUpload(renewalId: string, total: number, bytes: Uint8Array): Promise<void>;
  dropUpload(renewalId: string): Promise<void>;
  putEnvelope(renewalId: string, der: Uint8Array): Promise<void>;
  /** Forgets it; that nothing of it stays on the disk, {@link Store.scrub} sees to. */
  dropEnvelope(renewalId: string): Promise<void>;
}
