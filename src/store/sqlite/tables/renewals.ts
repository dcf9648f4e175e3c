// Renewals, and the request each has accepted. The request comes back as approved because only an approved one was kept.
import { type RawBuilder, sql } from 'kysely';
import type { Fingerprint } from '../../../domain/certificate.ts';
import type { PrincipalId } from '../../../domain/principal.ts';
import type { Renewal, RenewalState } from '../../../domain/renewal.ts';
import type { ApprovedRequest } from '../../../domain/request.ts';
import type { Instant } from '../../../domain/time.ts';
import type { RenewalQuery } from '../../../ports/renewals.ts';
import { Differing } from '../differing.ts';
import { bytesOf, type Parameter, type Queries } from '../query.ts';
import { build } from './schema.ts';

const columns = [
  'id',
  'principal_id as principalId',
  'state',
  'mode',
  'via',
  'campaign',
  'cohort',
  'released_at as releasedAt',
  'old_fingerprint as oldFingerprint',
  'new_fingerprint as newFingerprint',
  'created_at as createdAt',
  'deadline',
  'closes_at as closesAt',
  'next_at as nextAt',
  'attempts',
  'requests',
  'carried_requests as carriedRequests',
  'request_key as requestKey',
  'lapsed_at as lapsedAt',
  'activated_at as activatedAt',
  'confirmed_at as confirmedAt',
  'heard_at as heardAt',
  'reopened_at as reopenedAt',
  'failed_via as failedVia',
  'last_code as lastCode',
  'last_detail as lastDetail',
  'updated_at as updatedAt',
] as const;

export const renewalRows = build.selectFrom('renewal').select(columns);
const rows = renewalRows;
/** A literal, because a partial index answers only to the condition it was made with. */
const current = rows.where('ended', '=', sql.lit(0));

/** What distinguishes a renewal from others, and never changes in its life. */
const origin = (p: Parameter<Renewal>) => ({
  principal_id: p('principalId'),
  campaign: p('campaign'),
  cohort: p('cohort'),
  mode: p('mode'),
  old_fingerprint: p('oldFingerprint'),
  created_at: p('createdAt'),
});

const progress = {
  state: 'state',
  via: 'via',
  releasedAt: 'released_at',
  newFingerprint: 'new_fingerprint',
  deadline: 'deadline',
  closesAt: 'closes_at',
  nextAt: 'next_at',
  attempts: 'attempts',
  requests: 'requests',
  carriedRequests: 'carried_requests',
  requestKey: 'request_key',
  lapsedAt: 'lapsed_at',
  activatedAt: 'activated_at',
  confirmedAt: 'confirmed_at',
  heardAt: 'heard_at',
  reopenedAt: 'reopened_at',
  failedVia: 'failed_via',
  lastCode: 'last_code',
  lastDetail: 'last_detail',
  updatedAt: 'updated_at',
} as const;
type Progress = keyof typeof progress;
const progressing = Object.keys(progress) as Progress[];

const endedStates: readonly RenewalState[] = ['retired', 'cancelled', 'lapsed'];

/** Is it one of those that nothing comes of any more? */
export function hasEnded({ state }: Renewal): boolean {
  return endedStates.includes(state);
}

const setting = (p: Parameter<Renewal>, names: readonly Progress[]) =>
  Object.fromEntries(names.map((name) => [progress[name], p(name)]));

const isSameRenewal = (one: Renewal, other: Renewal): boolean =>
  one.principalId === other.principalId &&
  one.campaign === other.campaign &&
  one.cohort === other.cohort &&
  one.mode === other.mode &&
  one.oldFingerprint === other.oldFingerprint &&
  one.createdAt === other.createdAt;

const overOf = (renewal: Renewal): 0 | 1 => (hasEnded(renewal) ? 1 : 0);

/** Most puts only advance a renewal: the indexes on what stays the same are then left alone. */
function preparePut(queries: Queries) {
  const advance = (also: { readonly ended?: RawBuilder<0 | 1> }) =>
    new Differing<Renewal>(queries, progressing, (p, names) =>
      build
        .updateTable('renewal')
        .set({ ...setting(p, names as Progress[]), ...also })
        .where('id', '=', p('id')),
    );
  const [goOn, end, beginAgain] = [
    advance({}),
    advance({ ended: sql.lit<0 | 1>(1) }),
    advance({ ended: sql.lit<0 | 1>(0) }),
  ];
  type Row = Renewal & { readonly ended: 0 | 1 };
  const factsOf = (p: Parameter<Row>) => ({ ...origin(p), ...setting(p, progressing), ended: p('ended') });
  const insert = (p: Parameter<Row>) => build.insertInto('renewal').values({ id: p('id'), ...factsOf(p) } as never);
  const replace = queries.prepare((p: Parameter<Row>) =>
    insert(p).onConflict((conflict) => conflict.column('id').doUpdateSet(factsOf(p))),
  );
  const add = queries.prepare((p: Parameter<Row>) =>
    insert(p).onConflict((conflict) => conflict.column('id').doNothing()),
  );
  return {
    /** @returns false, and nothing is written, where one is stored under the id. */
    addRenewal: (renewal: Renewal): boolean => add.run({ ...renewal, ended: overOf(renewal) }) > 0,
    /** @param held what is stored under the id now; null: nothing. */
    putRenewal: (renewal: Renewal, held: Renewal | null): void => {
      if (!held || !isSameRenewal(held, renewal)) replace.run({ ...renewal, ended: overOf(renewal) });
      else if (overOf(held) === overOf(renewal)) goOn.run(held, renewal);
      else (hasEnded(renewal) ? end : beginAgain).run(held, renewal);
    },
  };
}

const newestFirst = build
  .selectFrom('renewal')
  .select(['row', ...columns])
  .orderBy('row', 'desc');
const renewalOf = ({ row: _, ...renewal }: Renewal & { readonly row: number }): Renewal => renewal;

export function renewals(queries: Queries) {
  const byId = queries.prepare((p: Parameter<{ id: string }>) => rows.where('id', '=', p('id')));
  const currentOf = queries.prepare((p: Parameter<{ id: PrincipalId }>) =>
    current.where('principal_id', '=', p('id')).orderBy('row', 'desc').limit(sql.lit(1)),
  );
  const unendedOf = queries.prepare((p: Parameter<{ id: PrincipalId }>) =>
    current.where('principal_id', '=', p('id')).orderBy('row', 'desc'),
  );
  const openFor = queries.prepare((p: Parameter<{ old: Fingerprint }>) =>
    current
      .where('old_fingerprint', '=', p('old'))
      // Every state that has not ended is open, save this one.
      .where('state', '!=', sql.lit('activated'))
      .orderBy('row', 'desc')
      .limit(sql.lit(1)),
  );
  const due = queries.prepare((p: Parameter<{ now: Instant; limit: number }>) =>
    rows.where('next_at', '<=', p('now')).orderBy('next_at').limit(p('limit')),
  );
  const after = queries.prepare((p: Parameter<{ row: number; limit: number }>) =>
    build
      .selectFrom('renewal')
      .select(['row', ...columns])
      .where('row', '>', p('row'))
      .orderBy('row')
      .limit(p('limit')),
  );
  const put = preparePut(queries);
  const sign = queries.prepare((p: Parameter<{ id: string }>) =>
    build
      .updateTable('renewal')
      .set({ signed: sql.lit(1) })
      .where('id', '=', p('id')),
  );
  return {
    renewalsAfter: (row: number, limit: number): { row: number; renewal: Renewal }[] =>
      after.all({ row, limit }).map((each) => ({ row: each.row, renewal: renewalOf(each) })),
    renewal: (id: string): Renewal | null => byId.get({ id }) ?? null,
    currentRenewal: (id: PrincipalId): Renewal | null => currentOf.get({ id }) ?? null,
    unendedRenewals: (id: PrincipalId): Renewal[] => unendedOf.all({ id }),
    openRenewalFor: (old: Fingerprint): Renewal | null => openFor.get({ old }) ?? null,
    renewals: ({ principalId, state, after: older }: RenewalQuery, limit: number): Renewal[] => {
      let select = newestFirst.limit(limit);
      if (state !== undefined) select = select.where('shown', '=', state);
      if (older !== undefined) {
        const row = build.selectFrom('renewal').select('row').where('id', '=', older);
        select = select.where('row', '<', row);
      }
      if (principalId === undefined) return queries.all(select).map(renewalOf);
      // Apart, so that either half is in the order of its index.
      const halves = ([0, 1] as const).map((ended) =>
        queries.all(select.where('principal_id', '=', principalId).where('ended', '=', sql.lit(ended))),
      );
      return halves
        .flat()
        .sort((one, other) => other.row - one.row)
        .slice(0, limit)
        .map(renewalOf);
    },
    dueRenewals: (now: Instant, limit: number): Renewal[] => due.all({ now, limit }),
    ...put,
    noteSigned: (id: string): void => void sign.run({ id }),
  };
}

export function requests(queries: Queries) {
  const byRenewal = queries.prepare((p: Parameter<{ renewalId: string }>) =>
    build
      .selectFrom('request')
      .select([
        'principal_id as principalId',
        'kind',
        'uri',
        'serial',
        'csr',
        'spki',
        'key_fingerprint as keyFingerprint',
        'not_before as notBefore',
        'not_after as notAfter',
        'profile',
      ])
      .where('renewal_id', '=', p('renewalId'))
      .$castTo<ApprovedRequest>(),
  );
  const put = queries.prepare((p: Parameter<ApprovedRequest & { renewalId: string }>) => {
    const facts = {
      principal_id: p('principalId'),
      kind: p('kind'),
      uri: p('uri'),
      serial: p('serial'),
      csr: p('csr'),
      spki: p('spki'),
      key_fingerprint: p('keyFingerprint'),
      not_before: p('notBefore'),
      not_after: p('notAfter'),
      profile: p('profile'),
    };
    return build
      .insertInto('request')
      .values({ renewal_id: p('renewalId'), ...facts })
      .onConflict((conflict) => conflict.column('renewal_id').doUpdateSet(facts));
  });
  return {
    request: (renewalId: string): ApprovedRequest | null => {
      const row = byRenewal.get({ renewalId });
      return row ? { ...row, csr: row.csr && bytesOf(row.csr), spki: bytesOf(row.spki) } : null;
    },
    putRequest: (renewalId: string, request: ApprovedRequest): void => void put.run({ ...request, renewalId }),
  };
}
