// Revocation lists: what is out, what waits to be listed, and the entries of each in pages.
import { sql } from 'kysely';
import type { Fingerprint, RevocationReason } from '../../../domain/certificate.ts';
import { NolapseError } from '../../../domain/errors.ts';
import { isComplete, issuerOfComplete, type RevocationList } from '../../../domain/revocation-list.ts';
import type { Instant } from '../../../domain/time.ts';
import type { ListEntry, ListPlace, OpenedList, SignedList } from '../../../ports/revocation-lists.ts';
import type { Parameter, Queries } from '../query.ts';
import { build } from './schema.ts';

const columns = [
  'shard',
  'issuer',
  'url',
  'certificates',
  'last_not_after as lastNotAfter',
  'number',
  'this_update as thisUpdate',
  'next_update as nextUpdate',
  'scheduled_at as scheduledAt',
  'entries',
  'bytes',
  'revoked',
  'urgent',
  'listed_revoked as listedRevoked',
  'listed_urgent as listedUrgent',
] as const;

function prepareReads(queries: Queries) {
  const lists = build.selectFrom('revocation_list').select(columns);
  return {
    one: queries.prepare((p: Parameter<{ shard: number }>) => lists.where('shard', '=', p('shard'))),
    newest: queries.prepare(() => lists.where('shard', '>=', sql.lit(0)).orderBy('shard', 'desc').limit(sql.lit(1))),
    newestOf: queries.prepare((p: Parameter<{ issuer: number }>) =>
      lists
        .where('issuer', '=', p('issuer'))
        .where('shard', '>', sql.lit(0))
        .orderBy('shard', 'desc')
        .limit(sql.lit(1)),
    ),
    firstToEnd: queries.prepare(() =>
      lists.where('next_update', '>=', sql.lit(0)).orderBy('next_update').limit(sql.lit(1)),
    ),
    page: queries.prepare((p: Parameter<{ after: number; limit: number }>) =>
      lists.where('shard', '>', p('after')).orderBy('shard').limit(p('limit')),
    ),
    halfway: queries.prepare((p: Parameter<{ now: Instant; limit: number }>) =>
      lists.where('half_time', '<=', p('now')).orderBy('half_time').limit(p('limit')),
    ),
    ahead: queries.prepare((p: Parameter<{ now: Instant; limit: number }>) =>
      lists.where('this_update', '>', p('now')).orderBy('this_update', 'desc').limit(p('limit')),
    ),
    urgent: queries.prepare((p: Parameter<{ limit: number }>) =>
      lists
        .where('urgent', '>', sql.ref<number>('listed_urgent'))
        .where('shard', '>=', sql.lit(-Number.MAX_SAFE_INTEGER))
        .limit(p('limit')),
    ),
    routine: queries.prepare((p: Parameter<{ before: Instant; limit: number }>) =>
      lists
        .where('revoked', '>', sql.ref<number>('listed_revoked'))
        .where('this_update', '<=', p('before'))
        .limit(p('limit')),
    ),
    byUrl: queries.prepare((p: Parameter<{ url: string }>) => lists.where('url', '=', p('url'))),
  };
}

function prepareEntries(queries: Queries) {
  const entries = build
    .selectFrom('certificate')
    .select(['serial', 'not_after as notAfter', 'revoked_at as revokedAt', 'revocation_reason as reason'])
    .where('revoked_at', 'is not', null)
    .$castTo<ListEntry & { readonly revokedAt: Instant; readonly reason: RevocationReason }>();
  const after = (p: Parameter<ListPlace>) => sql<boolean>`("not_after", "serial") > (${p('notAfter')}, ${p('serial')})`;
  return {
    ofIssuer: queries.prepare((p: Parameter<ListPlace & { issuer: number; limit: number }>) =>
      entries
        .where('issuer', '=', p('issuer'))
        .where(after(p))
        .orderBy('not_after')
        .orderBy('serial')
        .limit(p('limit')),
    ),
    ofShard: queries.prepare((p: Parameter<ListPlace & { shard: number; limit: number }>) =>
      entries
        .where('crl_shard', '=', p('shard'))
        .where(after(p))
        .orderBy('not_after')
        .orderBy('serial')
        .limit(p('limit')),
    ),
  };
}

function prepareWrites(queries: Queries) {
  return {
    open: queries.prepare((p: Parameter<OpenedList>) =>
      build.insertInto('revocation_list').values({ shard: p('shard'), issuer: p('issuer'), url: p('url') }),
    ),
    signed: queries.prepare((p: Parameter<SignedList>) =>
      build
        .updateTable('revocation_list')
        .set({
          number: p('number'),
          this_update: p('thisUpdate'),
          next_update: p('nextUpdate'),
          scheduled_at: p('scheduledAt'),
          entries: p('entries'),
          bytes: p('bytes'),
          listed_revoked: p('listedRevoked'),
          listed_urgent: p('listedUrgent'),
        })
        .where('shard', '=', p('shard'))
        .where('number', '<', p('number')),
    ),
    drop: queries.prepare((p: Parameter<{ shard: number }>) =>
      build.deleteFrom('revocation_list').where('shard', '=', p('shard')),
    ),
    name: queries.prepare((p: Parameter<{ fingerprint: Fingerprint; shard: number }>) =>
      build
        .updateTable('certificate')
        .set({ crl_shard: p('shard') })
        .where('fingerprint', '=', p('fingerprint')),
    ),
    count: queries.prepare((p: Parameter<{ fingerprint: Fingerprint; shard: number }>) =>
      build
        .updateTable('revocation_list')
        .set((eb) => ({
          certificates: eb('certificates', '+', sql.lit(1)),
          last_not_after: sql<Instant>`max(last_not_after, (SELECT not_after FROM certificate WHERE fingerprint = ${p('fingerprint')}))`,
        }))
        .where('shard', '=', p('shard')),
    ),
  };
}

export function revocationLists(queries: Queries) {
  const read = prepareReads(queries);
  const entries = prepareEntries(queries);
  const write = prepareWrites(queries);
  return {
    revocationList: (shard: number): RevocationList | null => read.one.get({ shard }) ?? null,
    revocationListAt: (url: string): RevocationList | null => read.byUrl.get({ url }) ?? null,
    newestRevocationList: (): RevocationList | null => read.newest.get({}) ?? null,
    newestShard: (issuer: number): RevocationList | null => read.newestOf.get({ issuer }) ?? null,
    firstRevocationListToEnd: (): RevocationList | null => read.firstToEnd.get({}) ?? null,
    revocationLists: (after: number, limit: number): RevocationList[] => read.page.all({ after, limit }),
    revocationListsToSign: (now: Instant, waitMs: number, limit: number): RevocationList[] => [
      ...read.urgent.all({ limit }),
      ...read.halfway.all({ now, limit }),
      ...read.ahead.all({ now, limit }),
      ...read.routine.all({ before: now - waitMs, limit }),
    ],
    listEntries: (shard: number, after: ListPlace, limit: number): ListEntry[] =>
      isComplete({ shard })
        ? entries.ofIssuer.all({ ...after, issuer: issuerOfComplete(shard), limit })
        : entries.ofShard.all({ ...after, shard, limit }),
    openRevocationList: (list: OpenedList): void => void write.open.run(list),
    putSignedList: (list: SignedList): void => {
      if (write.signed.run(list) > 0 || !read.one.get(list)) return;
      throw new NolapseError('conflict', `list ${list.shard} has the number ${list.number} or a later one already`);
    },
    dropRevocationList: (shard: number): void => void write.drop.run({ shard }),
    nameShard: (fingerprint: Fingerprint, shard: number): void => {
      write.name.run({ fingerprint, shard });
      write.count.run({ fingerprint, shard });
    },
  };
}
