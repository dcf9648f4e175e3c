// The ledger as an operator lists it: all of it, of one principal, or what is in one state. A ledger of millions is gone through a page
// at a time, so that others have their turn.
import { certificateStates, type LedgerEntry } from '../../domain/certificate.ts';
import { parsePrincipalId, principalIdRule } from '../../domain/principal.ts';
import type { Page } from '../../ports/page.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import type { WithTurns } from '../turns.ts';
import type { CertificateView } from '../views/certificates.ts';
import { viewOf } from '../views/certificates.ts';

export interface CertificateQuery {
  readonly device?: string;
  readonly state?: string;
}

/** Certificates read at once. */
const pageRows = 500;

/** In order of fingerprint, those of one principal the newest first. Rejects with `invalid`. */
export async function listCertificates(
  app: Pick<Context, 'store'> & WithTurns,
  query: CertificateQuery,
  page: Page,
): Promise<CertificateView[]> {
  const { device, state } = query;
  const known = certificateStates.find((each) => each === state);
  if (state !== undefined && !known) {
    throw new OperationError('invalid', [`state: not one of ${certificateStates.join(', ')}`]);
  }
  const isMeant = (entry: LedgerEntry): boolean => known === undefined || entry.state === known;
  const id = device === undefined ? null : parsePrincipalId(device);
  if (device !== undefined && !id) throw new OperationError('invalid', [`id: not an id: ${principalIdRule}`]);
  const { read } = app.store;
  const pages = (next: Page) => (id ? read.certificatesOf(id, next) : read.certificates(next));
  const entries = await pick(app, pages, isMeant, page);
  return entries.slice(0, page.limit).map(viewOf);
}

async function pick(
  { turns }: WithTurns,
  pages: (next: Page) => Promise<LedgerEntry[]>,
  isMeant: (entry: LedgerEntry) => boolean,
  page: Page,
): Promise<LedgerEntry[]> {
  const picked: LedgerEntry[] = [];
  let { after } = page;
  while (picked.length < page.limit) {
    const entries = await pages({ limit: pageRows, ...(after !== undefined && { after }) });
    picked.push(...entries.filter(isMeant));
    if (entries.length < pageRows) break;
    after = entries.at(-1)?.fingerprint;
    await turns.take();
  }
  return picked;
}
