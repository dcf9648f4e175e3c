// How the fleet stands, in figures: read from an index that holds nobody who is decommissioned.
import { sql } from 'kysely';
import type { PrincipalId } from '../domain/principal.ts';
import type { Instant } from '../domain/time.ts';
import type { StandingCounts, Unissued } from '../ports/fleet.ts';
import type { Parameter, Queries } from './query.ts';
import { build } from './schema.ts';

/** A literal, because a partial index answers only to the condition it was made with. */
const inService = build.selectFrom('principal').where('status', '<>', sql.lit('decommissioned'));
const quarantined = sql<number>`coalesce(sum(status = 'quarantined'), 0)`.as('quarantined');
const devices = sql<number>`coalesce(sum(kind = 'device'), 0)`.as('devices');

export function standings(queries: Queries) {
  const dark = queries.prepare((p: Parameter<{ now: Instant }>) =>
    inService
      .select((eb) => [eb.fn.countAll<number>().as('all'), quarantined, devices])
      .where('lit_until', '<=', p('now')),
  );
  const without = queries.prepare(() =>
    inService
      .select((eb) => [eb.fn.countAll<number>().as('all'), quarantined, devices])
      .where('lit_until', 'is', sql.lit(null)),
  );
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
  const nobody = { all: 0, quarantined: 0, devices: 0 };
  return {
    litUntil: (first: PrincipalId, last: PrincipalId): Map<PrincipalId, Instant> =>
      new Map(lights.all({ first, last }).map(({ id, until }) => [id, until])),
    standings: (now: Instant): StandingCounts => ({
      dark: dark.get({ now }) ?? nobody,
      without: without.get({}) ?? nobody,
      nearestEndAt: nearest.get({ now })?.at ?? null,
    }),
    unissued: (after: PrincipalId | null, limit: number): Unissued[] => unissued.all({ after: after ?? '', limit }),
  };
}
