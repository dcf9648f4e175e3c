// The ledger: every certificate that may connect or once could, and what is known of its key.
import type { Fingerprint, LedgerEntry, Serial } from '../domain/certificate.ts';
import type { KeyRecord } from '../domain/key-mode.ts';
import type { PrincipalId } from '../domain/principal.ts';
import type { Instant } from '../domain/time.ts';
import type { Page } from './page.ts';

/** A certificate as a look over the fleet sees it. */
export interface SurveyedCertificate
  extends Pick<
    LedgerEntry,
    | 'fingerprint'
    | 'serial'
    | 'principalId'
    | 'state'
    | 'notBefore'
    | 'notAfter'
    | 'renewalId'
    | 'issuedAt'
    | 'activatedAt'
    | 'lastSeenAt'
    | 'renewAt'
    | 'overlapUntil'
    | 'revokedAt'
  > {
  /** Another principal with a living certificate over the same key; null: none. */
  readonly sharedWith: PrincipalId | null;
  /** Issued: when its device said that it had installed it; null: it has not. */
  readonly installedAt: Instant | null;
}

export interface LedgerReader {
  certificate(fingerprint: Fingerprint): Promise<LedgerEntry | null>;
  certificateBySerial(serial: Serial): Promise<LedgerEntry | null>;
  /** Those whose fingerprint or serial begins so, in lower-case hex; in no order. */
  certificatesBeginning(digits: string, limit: number): Promise<LedgerEntry[]>;
  /** All that this principal was ever given, the newest first; after a fingerprint. */
  certificatesOf(id: PrincipalId, page: Page): Promise<LedgerEntry[]>;
  /** Of these only what was neither retired nor revoked: what may still matter. It reads no others. */
  heldCertificates(id: PrincipalId, page: Page): Promise<LedgerEntry[]>;
  /** Was any certificate of this principal ever seen in use? */
  wasSeen(id: PrincipalId): Promise<boolean>;
  certificates(page: Page): Promise<LedgerEntry[]>;
  /** Some of those that certify this key, in no order. */
  certificatesByKey(keyFingerprint: Fingerprint, limit: number): Promise<LedgerEntry[]>;
  /** Of those the ones that are neither retired nor revoked, in the order of principals. A whole fleet may share a key. */
  heldByKey(keyFingerprint: Fingerprint, page: Page): Promise<LedgerEntry[]>;
  /** Whose key is it, and may it be trusted? It reads few rows, however often the key was certified. */
  keyRecord(keyFingerprint: Fingerprint): Promise<KeyRecord>;
  /** Active certificates whose renewAt has come, those with the nearest notAfter first. */
  dueCertificates(now: Instant, limit: number): Promise<LedgerEntry[]>;
  /** Issued, active and superseded certificates whose notAfter or overlap has ended. */
  endedCertificates(now: Instant, limit: number): Promise<LedgerEntry[]>;
  /** Living and expired certificates of these principals and all between them in order of id, of each the oldest first. */
  certificatesInUse(first: PrincipalId, last: PrincipalId): Promise<SurveyedCertificate[]>;
  /** When these principals and all between them were last seen; those never seen are left out. */
  lastSeen(first: PrincipalId, last: PrincipalId): Promise<Map<PrincipalId, Instant>>;
}

export interface LedgerWriter {
  /**
   * Inserts, or replaces the row with this fingerprint. A second serial or renewal twin fails with NolapseError `conflict`. Its key is its
   * principal's from then on; one that another holds already is known to be shared from then on, and nobody's.
   */
  putCertificate(entry: LedgerEntry): Promise<void>;
  /** When a certificate, if it is in the ledger, and its principal were last seen; nothing else of them is changed. */
  noteSeen(fingerprint: Fingerprint, id: PrincipalId, at: Instant): Promise<void>;
}
