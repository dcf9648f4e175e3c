// The revocation lists of roots, and the issuing CAs that are revoked. There are few of both.
import { sql } from 'kysely';
import { NolapseError } from '../../../domain/errors.ts';
import type { RevokedIssuing, RootList } from '../../../domain/root-list.ts';
import { bytesOf, type Parameter, type Queries } from '../query.ts';
import { build } from './schema.ts';

/** More than a home has issuing CAs in its life. */
const revokedMax = 1_000;

type Row = Omit<RootList, 'entries'> & { readonly entries: string };

function prepareLists(queries: Queries) {
  return {
    one: queries.prepare((p: Parameter<{ root: number }>) =>
      build
        .selectFrom('root_list')
        .select(['root', 'number', 'this_update as thisUpdate', 'next_update as nextUpdate', 'entries'])
        .where('root', '=', p('root')),
    ),
    bytes: queries.prepare((p: Parameter<{ root: number }>) =>
      build.selectFrom('root_list').select('der').where('root', '=', p('root')),
    ),
    put: queries.prepare((p: Parameter<Row & { der: Uint8Array }>) => {
      const said = {
        number: p('number'),
        this_update: p('thisUpdate'),
        next_update: p('nextUpdate'),
        entries: p('entries'),
        der: p('der'),
      };
      return build
        .insertInto('root_list')
        .values({ root: p('root'), ...said })
        .onConflict((conflict) => conflict.column('root').doUpdateSet(said));
    }),
  };
}

export function rootLists(queries: Queries) {
  const { one, bytes, put } = prepareLists(queries);
  const revoked = queries.prepare(() =>
    build
      .selectFrom('revoked_issuing')
      .select(['number', 'root', 'serial', 'not_after as notAfter', 'revoked_at as revokedAt', 'reason'])
      .where('number', '>', sql.lit(0))
      .orderBy('number')
      .limit(sql.lit(revokedMax)),
  );
  const revoke = queries.prepare((p: Parameter<RevokedIssuing>) =>
    build
      .insertInto('revoked_issuing')
      .values({
        number: p('number'),
        root: p('root'),
        serial: p('serial'),
        not_after: p('notAfter'),
        revoked_at: p('revokedAt'),
        reason: p('reason'),
      })
      .onConflict((conflict) => conflict.column('number').doNothing()),
  );
  const bytesOfList = (root: number): Uint8Array | null => {
    const row = bytes.get({ root });
    return row ? bytesOf(row.der) : null;
  };
  return {
    rootList: (root: number): RootList | null => {
      const row = one.get({ root });
      return row ? { ...row, entries: JSON.parse(row.entries) as RootList['entries'] } : null;
    },
    rootListBytes: bytesOfList,
    revokedIssuing: (): RevokedIssuing[] => revoked.all({}),
    putRootList: ({ entries, ...list }: RootList, der: Uint8Array): void => {
      const out = one.get(list)?.number ?? 0;
      const isSame = out === list.number && Buffer.compare(bytesOfList(list.root) ?? new Uint8Array(), der) === 0;
      if (out >= list.number && !isSame) {
        throw new NolapseError('conflict', `the list of root ${list.root} has the number ${out} already`);
      }
      put.run({ ...list, entries: JSON.stringify(entries), der });
    },
    revokeIssuing: (issuing: RevokedIssuing): void => void revoke.run(issuing),
  };
}
