// How the fleet stands, in figures: read from an index that holds nobody who is decommissioned.
import { sql } from 'kysely';
import type { PrincipalId } from '../../../domain/principal.ts';
import type { Instant } from '../../../domain/time.ts';
import type { HorizonPlace, StandingPage, Unissued } from '../../../ports/fleet.ts';
import type { Parameter, Queries } from '../query.ts';
import { build } from './schema.ts';

/** A literal, because a partial index answers only to the condition it was made with. */
const inService = build.selectFrom('principal').where('status', '<>', sql.lit('decommissioned'));
const quarantined = sql<number>`coalesce(sum(status = 'quarantined'), 0)`.as('quarantined');
const devices = sql<number>`coalesce(sum(kind = 'device'), 0)`.as('devices');

function prepareUntil(queries: Queries): (id: PrincipalId) => Instant | null {
  const until = queries.prepare((p: Parameter<{ id: PrincipalId }>) =>
    build.selectFrom('principal').select('lit_until as litUntil').where('id', '=', p('id')),
  );
  return (id) => until.get({ id })?.litUntil ?? null;
}

/** Whom a page ends at: a search of the index that passes over the others. */
function darkPages(queries: Queries) {
  const after = (p: Parameter<HorizonPlace>) => sql<boolean>`(lit_until, id) > (${p('litUntil')}, ${p('id')})`;
  const last = queries.prepare((p: Parameter<HorizonPlace & { now: Instant; passed: number }>) =>
    inService
      .select(['lit_until as litUntil', 'id'])
      .where(after(p))
      .where('lit_until', '<=', p('now'))
      .orderBy('lit_until')
      .orderBy('id')
      .limit(sql.lit(1))
      .offset(p('passed'))
      .$castTo<HorizonPlace>(),
  );
  const count = queries.prepare((p: Parameter<HorizonPlace & { lastUntil: Instant; lastId: PrincipalId }>) =>
    inService
      .select((eb) => [eb.fn.countAll<number>().as('all'), quarantined, devices])
      .where(after(p))
      .where(sql<boolean>`(lit_until, id) <= (${p('lastUntil')}, ${p('lastId')})`),
  );
  return (now: Instant, from: HorizonPlace | null, limit: number): StandingPage<HorizonPlace> => {
    const place = from ?? { litUntil: Number.MIN_SAFE_INTEGER, id: '' as PrincipalId };
    const end = last.get({ ...place, now, passed: limit - 1 }) ?? null;
    const [lastUntil, lastId] = end ? [end.litUntil, end.id] : [now, afterAll];
    return { count: count.get({ ...place, lastUntil, lastId }) ?? nobody, last: end };
  };
}

function withoutPages(queries: Queries) {
  const without = inService.where('lit_until', 'is', sql.lit(null));
  const last = queries.prepare((p: Parameter<{ after: string; passed: number }>) =>
    without
      .select('id')
      .where(sql<boolean>`id > ${p('after')}`)
      .orderBy('id')
      .limit(sql.lit(1))
      .offset(p('passed')),
  );
  const count = queries.prepare((p: Parameter<{ after: string; last: string }>) =>
    without
      .select((eb) => [eb.fn.countAll<number>().as('all'), quarantined, devices])
      .where(sql<boolean>`id > ${p('after')}`)
      .where(sql<boolean>`id <= ${p('last')}`),
  );
  return (from: PrincipalId | null, limit: number): StandingPage<PrincipalId> => {
    const after = from ?? '';
    const end = last.get({ after, passed: limit - 1 })?.id ?? null;
    return { count: count.get({ after, last: end ?? afterAll }) ?? nobody, last: end };
  };
}

const nobody = { all: 0, quarantined: 0, devices: 0 };
/** Ids are ASCII. */
const afterAll = '\x7f' as PrincipalId;

export function standings(queries: Queries) {
  const nearest = queries.prepare((p: Parameter<{ now: Instant }>) =>
    inService.select((eb) => eb.fn.min('lit_until').as('at')).where('lit_until', '>', p('now')),
  );
  const unissued = queries.prepare((p: Parameter<{ after: string; limit: number }>) =>
    inService
      .select(['id', 'kind', 'owner', 'site'])
      .where('lit_until', 'is', sql.lit(null))
      .where(sql<boolean>`id > ${p('after')}`)
      .orderBy('id')
      .limit(p('limit'))
      .$castTo<Unissued>(),
  );
  const lights = queries.prepare((p: Parameter<{ first: PrincipalId; last: PrincipalId }>) =>
    build
      .selectFrom('principal')
      .select(['id', 'lit_until as until'])
      .where('id', '>=', p('first'))
      .where('id', '<=', p('last'))
      .where('lit_until', 'is not', null)
      .$castTo<{ id: PrincipalId; until: Instant }>(),
  );
  return {
    litUntil: (first: PrincipalId, last: PrincipalId): Map<PrincipalId, Instant> =>
      new Map(lights.all({ first, last }).map(({ id, until }) => [id, until])),
    ownLitUntil: prepareUntil(queries),
    darkPage: darkPages(queries),
    withoutPage: withoutPages(queries),
    nearestEnd: (now: Instant): Instant | null => nearest.get({ now })?.at ?? null,
    unissued: (after: PrincipalId | null, limit: number): Unissued[] => unissued.all({ after: after ?? '', limit }),
  };
}
