// A drill proves that a renewal works and replaces nothing: what it brings is used beside the certificate in use, which keeps its own
// due date, and is never replaced itself.
import type { LedgerEntry } from '../../domain/certificate.ts';
import type { Renewal } from '../../domain/renewal.ts';
import type { Reader } from '../../ports/store.ts';
import { campaignOf } from './campaign-of.ts';

/** Was it brought by a drill? */
export async function isOfDrill(read: Reader, { renewalId }: Pick<LedgerEntry, 'renewalId'>): Promise<boolean> {
  return isDrill(read, renewalId === null ? null : await read.renewal(renewalId));
}

export async function isDrill(read: Reader, renewal: Pick<Renewal, 'campaign'> | null): Promise<boolean> {
  return renewal !== null && (await campaignOf(read, renewal))?.drill === true;
}
