// The ledger as an operator lists it: all of it, of one principal, or what is in one state. A ledger of millions is gone through a page
// at a time, so that others have their turn.
import { certificateStates, type LedgerEntry } from '../../domain/certificate.ts';
import { parsePrincipalId, principalIdRule } from '../../domain/principal.ts';
import type { Page } from '../../ports/store.ts';
import type { App } from '../context.ts';
import { type CertificateView, OperationError } from '../operations.ts';
import { viewOf } from '../view.ts';

export interface CertificateQuery {
  readonly device?: string;
  readonly state?: string;
}

/** Certificates read at once. */
const pageRows = 500;

/** In order of fingerprint, those of one principal the newest first. Rejects with `invalid`. */
export async function listCertificates(app: App, query: CertificateQuery, page: Page): Promise<CertificateView[]> {
  const { device, state } = query;
  const known = certificateStates.find((each) => each === state);
  if (state !== undefined && !known) {
    throw new OperationError('invalid', [`state: not one of ${certificateStates.join(', ')}`]);
  }
  const isMeant = (entry: LedgerEntry): boolean => known === undefined || entry.state === known;
  const entries = device === undefined ? await pick(app, isMeant, page) : (await ofDevice(app, device)).filter(isMeant);
  return entries.slice(0, page.limit).map(viewOf);
}

async function ofDevice({ store }: App, device: string): Promise<LedgerEntry[]> {
  const id = parsePrincipalId(device);
  if (!id) throw new OperationError('invalid', [`id: not an id: ${principalIdRule}`]);
  return store.read.certificatesOf(id);
}

async function pick({ store, turns }: App, isMeant: (entry: LedgerEntry) => boolean, page: Page) {
  const picked: LedgerEntry[] = [];
  let { after } = page;
  while (picked.length < page.limit) {
    const entries = await store.read.certificates({ limit: pageRows, ...(after !== undefined && { after }) });
    picked.push(...entries.filter(isMeant));
    if (entries.length < pageRows) break;
    after = entries.at(-1)?.fingerprint;
    await turns.take();
  }
  return picked;
}
