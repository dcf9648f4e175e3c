// The certificates of a principal that may still matter: neither retired nor revoked. There are few of them, however many it was given
// over the years; where there are many all the same, they are read a page at a time.
import type { Fingerprint, LedgerEntry } from '../../domain/certificate.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import type { Reader } from '../../ports/store.ts';
import { pagesOf } from '../pages.ts';

/** Certificates read at once. */
const pageMax = 64;

type Source = Pick<Reader, 'heldCertificates'>;

/** The newest first; those issued before another, where one is named. Within a change they may be changed while they are gone through. */
export async function* heldBy(read: Source, id: PrincipalId, before?: Fingerprint): AsyncGenerator<LedgerEntry> {
  const next = (last: LedgerEntry | null) => {
    const after = last?.fingerprint ?? before;
    return read.heldCertificates(id, { limit: pageMax, ...(after !== undefined && { after }) });
  };
  for await (const page of pagesOf(pageMax, next)) yield* page;
}

/** The newest of them, for who looks for one: a page. */
export function heldOf(read: Source, id: PrincipalId): Promise<LedgerEntry[]> {
  return read.heldCertificates(id, { limit: pageMax });
}

export async function newestActive(read: Source, id: PrincipalId): Promise<LedgerEntry | null> {
  for await (const each of heldBy(read, id)) if (each.state === 'active') return each;
  return null;
}
