// What each renewal was refused last, by who asked.
import { sql } from 'kysely';
import type { PrincipalId } from '../../../domain/principal.ts';
import type { RenewalRefusal } from '../../../domain/refusal.ts';
import type { Instant } from '../../../domain/time.ts';
import type { Parameter, Queries } from '../query.ts';
import { build } from './schema.ts';

/** In the table's key, the device itself: no principal has an empty id. */
const itself = '' as PrincipalId;

export function refusals(queries: Queries) {
  const of = queries.prepare((p: Parameter<{ renewalId: string }>) =>
    build
      .selectFrom('refusal')
      .select(['renewal_id as renewalId', 'gateway_id as via', 'code', 'detail', 'first_at as firstAt'])
      .select(['last_at as lastAt', 'times', 'over_at as overAt'])
      .where('renewal_id', '=', p('renewalId'))
      .orderBy('gateway_id'),
  );
  const put = queries.prepare((p: Parameter<RenewalRefusal & { readonly via: PrincipalId }>) => {
    const facts = {
      code: p('code'),
      detail: p('detail'),
      first_at: p('firstAt'),
      last_at: p('lastAt'),
      times: p('times'),
      over_at: p('overAt'),
    };
    return build
      .insertInto('refusal')
      .values({ renewal_id: p('renewalId'), gateway_id: p('via'), ...facts })
      .onConflict((conflict) => conflict.columns(['renewal_id', 'gateway_id']).doUpdateSet(facts));
  });
  const settle = queries.prepare((p: Parameter<{ renewalId: string; at: Instant }>) =>
    build
      .updateTable('refusal')
      .set({ over_at: p('at') })
      .where('renewal_id', '=', p('renewalId'))
      .where('over_at', 'is', sql.lit(null)),
  );
  return {
    refusalsOf: (renewalId: string): RenewalRefusal[] =>
      of.all({ renewalId }).map((row) => ({ ...row, via: row.via === itself ? null : row.via })),
    putRefusal: (refusal: RenewalRefusal): void => void put.run({ ...refusal, via: refusal.via ?? itself }),
    settleRefusals: (renewalId: string, at: Instant): void => void settle.run({ renewalId, at }),
  };
}
