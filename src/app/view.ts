// Ledger entries as operators see them: without the DER, which is shown as PEM where it is asked for.
import type { LedgerEntry } from '../domain/certificate.ts';
import type { CertificateView } from './operations.ts';

export function viewOf(entry: LedgerEntry): CertificateView {
  const { der: _der, ...view } = entry;
  return view;
}
