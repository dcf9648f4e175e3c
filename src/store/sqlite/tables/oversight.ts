// How devices come and go, findings, and what the broker remembers of itself.
import { sql } from 'kysely';
import type { PrincipalId } from '../../../domain/principal.ts';

import type { Instant } from '../../../domain/time.ts';
import type { FindingQuery, StoredFinding } from '../../../ports/oversight.ts';
import type { Presence } from '../../../ports/presence.ts';
import { bytesOf, type Parameter, type Queries } from '../query.ts';
import { build } from './schema.ts';

export function presences(queries: Queries) {
  const of = queries.prepare((p: Parameter<{ id: PrincipalId }>) =>
    build
      .selectFrom('presence')
      .select(['principal_id as principalId', 'gaps', 'came_at as cameAt', 'left_at as leftAt'])
      .where('principal_id', '=', p('id')),
  );
  const put = queries.prepare((p: Parameter<Presence>) => {
    const facts = { gaps: p('gaps'), came_at: p('cameAt'), left_at: p('leftAt') };
    return build
      .insertInto('presence')
      .values({ principal_id: p('principalId'), ...facts })
      .onConflict((conflict) => conflict.column('principal_id').doUpdateSet(facts));
  });
  return {
    presence: (id: PrincipalId): Presence | null => {
      const row = of.get({ id });
      return row ? { ...row, gaps: bytesOf(row.gaps) } : null;
    },
    putPresence: (presence: Presence): void => void put.run(presence),
  };
}

/** After every character that a subject may go on with. */
const lastCharacter = '\u{10ffff}';

export function findings(queries: Queries) {
  const put = queries.prepare((p: Parameter<StoredFinding>) =>
    build
      .insertInto('finding')
      .values({
        kind: p('kind'),
        subject: p('subject'),
        detail: p('detail'),
        first_at: p('firstAt'),
        last_at: p('lastAt'),
      })
      .onConflict((conflict) =>
        conflict.columns(['kind', 'subject']).doUpdateSet({ detail: p('detail'), last_at: p('lastAt') }),
      ),
  );
  const forget = queries.prepare((p: Parameter<{ kind: string; before: Instant; from: string; to: string }>) =>
    build
      .deleteFrom('finding')
      .where('kind', '=', p('kind'))
      .where('subject', '>=', p('from'))
      .where('subject', '<', p('to'))
      .where('last_at', '<', p('before')),
  );
  const drop = queries.prepare((p: Parameter<{ kind: string; subject: string }>) =>
    build.deleteFrom('finding').where('kind', '=', p('kind')).where('subject', '=', p('subject')),
  );
  return {
    findings: (query: FindingQuery, limit: number): StoredFinding[] => {
      let select = build
        .selectFrom('finding')
        .select(['kind', 'subject', 'detail', 'first_at as firstAt', 'last_at as lastAt'])
        .orderBy('kind')
        .orderBy('subject')
        .limit(limit);
      if (query.kind !== undefined) select = select.where('kind', '=', query.kind);
      if (query.afterKind !== undefined) {
        select = select.where(sql<boolean>`("kind", "subject") > (${query.afterKind}, ${query.after ?? ''})`);
      } else if (query.after !== undefined) select = select.where('subject', '>', query.after);
      return queries.all(select);
    },
    putFinding: (finding: StoredFinding): void => void put.run(finding),
    forgetFindings: (kind: string, before: Instant, prefix: string): void =>
      void forget.run({ kind, before, from: prefix, to: `${prefix}${lastCharacter}` }),
    dropFinding: (kind: string, subject: string): void => void drop.run({ kind, subject }),
  };
}

export function settings(queries: Queries) {
  const of = queries.prepare((p: Parameter<{ name: string }>) =>
    build.selectFrom('setting').select('value').where('name', '=', p('name')),
  );
  const put = queries.prepare((p: Parameter<{ name: string; value: string }>) =>
    build
      .insertInto('setting')
      .values({ name: p('name'), value: p('value') })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: p('value') })),
  );
  return {
    setting: (name: string): string | null => of.get({ name })?.value ?? null,
    putSetting: (name: string, value: string): void => void put.run({ name, value }),
  };
}
