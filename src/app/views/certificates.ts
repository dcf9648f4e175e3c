// Ledger entries as operators see them: without the DER, which is shown as PEM where it is asked for; and imports of certificates.
import type { LedgerEntry } from '../../domain/certificate.ts';
import type { PrincipalKind } from '../../domain/principal.ts';
import type { CutOffView, Dryable, DryRunView, Insistence } from './decisions.ts';

/** A ledger entry without its DER, times in Unix milliseconds. */
export type CertificateView = Omit<LedgerEntry, 'der'>;

export function viewOf(entry: LedgerEntry): CertificateView {
  const { der: _der, ...view } = entry;
  return view;
}

export interface RevokedCertificateView extends CertificateView {
  /** Certificates that were revoked with it, over the same key or asked for with it. */
  readonly also: number;
  /** It was the last that let a site gateway in: whom that leaves without a way to renew. */
  readonly cutOff?: CutOffView;
  readonly dryRun?: DryRunView;
}

export interface CertificateFiles extends Insistence, Dryable {
  /**
   * JSON lines: `file`, its place in the file as `block` where there are several, and in base64 its DER as `certificate`, or the `fault`
   * that keeps it from being read. `id`: whose it is, whatever it says, by the line `mapLine` of a map.
   */
  readonly text: string | AsyncIterable<Uint8Array>;
  /** Only of principals of this kind. */
  readonly kind?: PrincipalKind;
  /** Takes those without a fault; else all or none are taken. */
  readonly skipFaulty?: boolean;
}

export interface ImportedView {
  readonly imported: number;
  /** In the ledger already. */
  readonly known: number;
  /** What is worth knowing of some that were taken: a key that cannot be certified again, for one. */
  readonly notes?: readonly string[];
  /** Certificates of CAs, which are not taken; absent: there were none. */
  readonly passedOver?: PassedOverView;
  /** Those left out, with their file and why. */
  readonly faulty?: readonly string[];
  readonly dryRun?: DryRunView;
}

export interface PassedOverView {
  /** Different certificates. */
  readonly count: number;
  /** How many of them issued none of the others that came with them, and are not of our own CA. */
  readonly unrelatedCount: number;
  /** The first of those, by file, with subject and fingerprint. */
  readonly unrelated: readonly string[];
}
