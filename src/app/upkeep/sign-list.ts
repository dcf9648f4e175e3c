// Signs a revocation list and keeps it. The ledger's entries are read and encoded a page at a time, and everybody else has a turn after
// each: a list of a million entries holds up nobody.
import { NolapseError } from '../../domain/errors.ts';
import { firstIssuer } from '../../domain/issuing-slots.ts';
import { isComplete, nextSigning, type RevocationList } from '../../domain/revocation-list.ts';
import type { ListEntry, ListPlace } from '../../ports/revocation-lists.ts';
import type { Context } from '../context.ts';
import { pagesOf } from '../pages.ts';
import type { WithTurns } from '../turns.ts';

export type SignListContext = Pick<Context, 'store' | 'authority' | 'clock' | 'decisions' | 'shelf' | 'settings'> &
  WithTurns;

/** Entries read and encoded in one turn of the event loop. */
export const pageEntries = 500;

function entriesOf(
  app: Pick<Context, 'store'> & WithTurns,
  shard: number,
  listedFrom: number,
): AsyncGenerator<readonly ListEntry[]> {
  const from: ListPlace = { notAfter: listedFrom, serial: '' };
  return pagesOf(pageEntries, async (last: ListEntry | null) => {
    await app.turns.take();
    return app.store.read.listEntries(shard, last ?? from, pageEntries);
  });
}

async function* counted(
  pages: AsyncIterable<readonly ListEntry[]>,
  count: (entries: number) => void,
): AsyncGenerator<readonly ListEntry[]> {
  for await (const page of pages) {
    count(page.length);
    yield page;
  }
}

/** What a list is called: by its shard, and by its issuing CA where that is not the first. */
export function listWords(name: string, { shard, issuer }: Pick<RevocationList, 'shard' | 'issuer'>): string {
  const ofIssuer = issuer === firstIssuer ? '' : ` of issuing CA ${issuer}`;
  return isComplete({ shard })
    ? `${name}${ofIssuer && `${ofIssuer}, number`}`
    : `${name} of shard ${shard}${ofIssuer}, number`;
}

/**
 * Signs the next one of a list with all that is revoked by now, keeps its bytes and then enters it into the ledger: from then on it is
 * the one that is out. What is revoked meanwhile waits for the one after it. Interrupted anywhere, the one before stays out.
 * @param isOver is it a shard of which no certificate is valid any more?
 * @returns null when that is so, and the shard is forgotten; the newest stays.
 */
export async function signList(
  app: SignListContext,
  list: RevocationList,
  isOver: boolean,
): Promise<RevocationList | null> {
  const { store, shelf, authority, settings } = app;
  if (!authority.signCrl) throw new NolapseError('authority_unavailable', 'the authority signs no revocation lists');
  const { shard } = list;
  if (isOver && (await store.read.newestRevocationList())?.shard !== shard) return forget(app, shard);
  const { listedFrom, ...signing } = nextSigning(list, app.clock.now(), settings.crlValidityMs);
  let entries = 0;
  const revoked = counted(entriesOf(app, shard, listedFrom), (more) => {
    entries += more;
  });
  const { number, thisUpdate, nextUpdate } = signing;
  const der = await authority.signCrl({
    number,
    thisUpdate,
    nextUpdate,
    distributionPoint: list.url,
    issuer: list.issuer,
    revoked,
  });
  const bytes = await shelf.keep(shard, number, der);
  const known = { listedRevoked: list.revoked, listedUrgent: list.urgent };
  await store.transact((tx) => tx.putSignedList({ ...signing, shard, entries, bytes, ...known }));
  // Somebody may just be fetching the one before.
  await shelf.forget(shard, [number, list.number]);
  app.decisions.tell({
    action: 'crl.published',
    message: `${listWords('CRL', list)} ${number} published, certificates on it: ${entries}`,
    fields: {
      'nolapse.crl.number': number,
      'nolapse.crl.entries': entries,
      'nolapse.crl.shard': Math.max(shard, 0),
      'nolapse.issuer': list.issuer,
    },
  });
  return store.read.revocationList(shard);
}

async function forget(app: Pick<Context, 'store' | 'shelf'>, shard: number): Promise<null> {
  await app.store.transact((tx) => tx.dropRevocationList(shard));
  await app.shelf.forget(shard, []);
  return null;
}
