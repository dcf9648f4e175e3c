// How principals are on their way to the next roots: the record of each, and lists and counts that read no more than they answer.
import { sql } from 'kysely';
import type { Principal, PrincipalId } from '../../../domain/principal.ts';
import type { Instant } from '../../../domain/time.ts';
import { type ControlVerdict, glanceAt, type TrustRecord, underWay } from '../../../domain/trust-record.ts';
import type { TrustCount, TrustPart, TrustPlace, UnderRoot } from '../../../ports/trust.ts';
import type { Parameter, Queries } from '../query.ts';
import { build } from './schema.ts';

interface Row {
  readonly principalId: PrincipalId;
  readonly offeredSequence: number | null;
  readonly offeredRoot: number | null;
  readonly offeredAt: Instant | null;
  readonly storedSequence: number | null;
  readonly storedRoot: number | null;
  readonly storedAt: Instant | null;
  readonly storedBy: PrincipalId | null;
  readonly lastRoot: number | null;
  readonly lastAt: Instant | null;
  readonly reopenedAt: Instant | null;
  readonly visits: number;
  readonly control: ControlVerdict | null;
  readonly controlAt: Instant | null;
}

function stepOf(sequence: number | null, root: number | null, at: Instant | null) {
  return sequence === null || root === null || at === null ? null : { sequence, root, at };
}

function recordOf(row: Row): TrustRecord {
  const stored = stepOf(row.storedSequence, row.storedRoot, row.storedAt);
  return {
    principalId: row.principalId,
    offered: stepOf(row.offeredSequence, row.offeredRoot, row.offeredAt),
    stored: stored && { ...stored, by: row.storedBy },
    last: row.lastRoot === null || row.lastAt === null ? null : { root: row.lastRoot, at: row.lastAt },
    reopenedAt: row.reopenedAt,
    visits: row.visits,
    control: row.control === null || row.controlAt === null ? null : { verdict: row.control, at: row.controlAt },
  };
}

function rowOf({ principalId, offered, stored, last, reopenedAt, visits, control }: TrustRecord): Row {
  return {
    principalId,
    offeredSequence: offered?.sequence ?? null,
    offeredRoot: offered?.root ?? null,
    offeredAt: offered?.at ?? null,
    storedSequence: stored?.sequence ?? null,
    storedRoot: stored?.root ?? null,
    storedAt: stored?.at ?? null,
    storedBy: stored?.by ?? null,
    lastRoot: last?.root ?? null,
    lastAt: last?.at ?? null,
    reopenedAt,
    visits,
    control: control?.verdict ?? null,
    controlAt: control?.at ?? null,
  };
}

function prepareRecords(queries: Queries) {
  const of = queries.prepare((p: Parameter<{ id: PrincipalId }>) =>
    build
      .selectFrom('trust_record')
      .select([
        'principal_id as principalId',
        'offered_sequence as offeredSequence',
        'offered_root as offeredRoot',
        'offered_at as offeredAt',
        'stored_sequence as storedSequence',
        'stored_root as storedRoot',
        'stored_at as storedAt',
        'stored_by as storedBy',
        'last_root as lastRoot',
        'last_at as lastAt',
        'reopened_at as reopenedAt',
        'visits',
        'control',
        'control_at as controlAt',
      ])
      .where('principal_id', '=', p('id')),
  );
  const put = queries.prepare((p: Parameter<Row>) => {
    const facts = {
      offered_sequence: p('offeredSequence'),
      offered_root: p('offeredRoot'),
      offered_at: p('offeredAt'),
      stored_sequence: p('storedSequence'),
      stored_root: p('storedRoot'),
      stored_at: p('storedAt'),
      stored_by: p('storedBy'),
      last_root: p('lastRoot'),
      last_at: p('lastAt'),
      reopened_at: p('reopenedAt'),
      visits: p('visits'),
      control: p('control'),
      control_at: p('controlAt'),
    };
    return build
      .insertInto('trust_record')
      .values({ principal_id: p('principalId'), ...facts })
      .onConflict((conflict) => conflict.column('principal_id').doUpdateSet(facts));
  });
  return { of, put };
}

interface Beside {
  readonly id: PrincipalId;
  /** Null: it says nothing of the root under which the principal came. */
  readonly last: number | null;
  readonly next: number;
  readonly isStored: 0 | 1;
  readonly isCounted: 0 | 1;
}

/** What stands beside the principal's record. */
function prepareBeside(queries: Queries) {
  return queries.prepare((p: Parameter<Beside>) =>
    build
      .updateTable('principal')
      .set({
        last_root: sql<number>`coalesce(${p('last')}, last_root)`,
        next_root: p('next'),
        next_stored: p('isStored'),
        next_counted: p('isCounted'),
      })
      .where('id', '=', p('id')),
  );
}

/** Literals, because a partial index answers only to the condition it was made with. */
const inService = build
  .selectFrom('principal')
  .select(['id', 'kind', 'owner', 'class', 'site', 'gateway', 'last_root as last', 'next_root as next', 'next_stored'])
  .where('status', '=', sql.lit('active'))
  .where('lit_until', 'is not', null);

type Listed = Omit<UnderRoot, 'isStored' | 'gates'> & { readonly next_stored: 0 | 1 };

/** As `gates` in domain/trust-record.ts, of somebody in service. */
const gatesOf = ({ last, gateway }: { readonly last: number } & Pick<Principal, 'gateway'>): boolean =>
  last > 0 || gateway === null;

function listed({ next_stored, ...row }: Listed): UnderRoot {
  return { ...row, isStored: next_stored === 1, gates: gatesOf(row) };
}

function prepareLists(queries: Queries) {
  const unproved = queries.prepare((p: Parameter<TrustPlace & { root: number; limit: number }>) =>
    inService
      .where('last_root', '<', p('root'))
      .where(sql<boolean>`(last_root, id) > (${p('last')}, ${p('id')})`)
      .orderBy('last_root')
      .orderBy('id')
      .limit(p('limit'))
      .$castTo<Listed>(),
  );
  const under = queries.prepare((p: Parameter<{ root: number; after: string; limit: number }>) =>
    inService
      .where('last_root', '=', p('root'))
      .where(sql<boolean>`id > ${p('after')}`)
      .orderBy('id')
      .limit(p('limit'))
      .$castTo<Listed>(),
  );
  return { unproved, under };
}

function prepareCounts(queries: Queries) {
  return queries.prepare((p: Parameter<{ part: TrustPart; after: string; isFirst: 0 | 1; names: number }>) =>
    build
      .selectFrom('trust_tally')
      .select(['name', 'measure', 'root', 'gates', 'count'])
      .where('part', '=', p('part'))
      .where('name', 'in', (eb) =>
        eb
          .selectFrom('trust_tally')
          .select('name')
          .distinct()
          .where('part', '=', p('part'))
          // No site is '', which comes first and after nothing.
          .where(sql<boolean>`(name > ${p('after')} OR ${p('isFirst')} = 1)`)
          .orderBy('name')
          .limit(p('names')),
      )
      .orderBy('name')
      .orderBy('measure')
      .orderBy('root')
      .orderBy('gates')
      .$castTo<Omit<TrustCount, 'gates'> & { readonly gates: 0 | 1 }>(),
  );
}

export function trust(queries: Queries) {
  const { of, put } = prepareRecords(queries);
  const beside = prepareBeside(queries);
  const { unproved, under } = prepareLists(queries);
  const counts = prepareCounts(queries);
  return {
    trustRecord: (id: PrincipalId): TrustRecord | null => {
      const row = of.get({ id });
      return row ? recordOf(row) : null;
    },
    putTrustRecord: (record: TrustRecord): void => {
      put.run(rowOf(record));
      const way = underWay(record);
      beside.run({
        id: record.principalId,
        last: record.last?.root ?? null,
        next: way?.root ?? 0,
        isStored: way?.isStored ? 1 : 0,
        isCounted: glanceAt(record).isCounted ? 1 : 0,
      });
    },
    unproved: (root: number, after: TrustPlace | null, limit: number): UnderRoot[] =>
      unproved.all({ root, limit, ...(after ?? { last: -1, id: '' as PrincipalId }) }).map(listed),
    lastUnder: (root: number, after: PrincipalId | null, limit: number): UnderRoot[] =>
      under.all({ root, after: after ?? '', limit }).map(listed),
    trustCounts: (part: TrustPart, after: string | null, names: number): TrustCount[] =>
      counts
        .all({ part, after: after ?? '', isFirst: after === null ? 1 : 0, names })
        .map((row) => ({ ...row, gates: row.gates === 1 })),
  };
}
