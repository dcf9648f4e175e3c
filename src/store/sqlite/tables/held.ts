// Which certificates may still matter to who decides about a principal: all that were neither retired nor revoked. The condition is
// that of the index `certificate_held`, to the letter: a partial index answers to no other.
import { sql } from 'kysely';

const states = ['issued', 'active', 'superseded', 'expired'] as const;

export function held(table: 'certificate' | 'c') {
  const of = states.map((state) => sql`${sql.ref(`${table}.state`)} = ${sql.lit(state)}`);
  return sql<boolean>`(${sql.join(of, sql` OR `)})`;
}
