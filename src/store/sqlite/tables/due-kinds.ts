// Of which kinds of dates any has come: one look at the beginning of the index of each.
import { type RawBuilder, sql } from 'kysely';
import type { Instant } from '../../../domain/time.ts';
import type { DueKinds } from '../../../ports/fleet.ts';
import type { Parameter, Queries } from '../query.ts';
import { build } from './schema.ts';

interface At {
  readonly now: Instant;
}

const any = (table: string, condition: RawBuilder<unknown>) =>
  sql<0 | 1>`EXISTS (SELECT 1 FROM ${sql.table(table)} WHERE ${condition})`;

export function dueKinds(queries: Queries) {
  const look = queries.prepare((p: Parameter<At>) =>
    build.selectNoFrom([
      any('certificate', sql`ends_at <= ${p('now')}`).as('ended'),
      any('renewal', sql`next_at <= ${p('now')}`).as('renewals'),
      any('certificate', sql`state = 'active' AND renew_at <= ${p('now')}`).as('certificates'),
      any('watch', sql`due_at <= ${p('now')}`).as('watches'),
    ]),
  );
  return {
    dueKinds: (now: Instant): DueKinds => {
      const found = look.get({ now });
      return {
        ended: found?.ended === 1,
        renewals: found?.renewals === 1,
        certificates: found?.certificates === 1,
        watches: found?.watches === 1,
      };
    },
  };
}
