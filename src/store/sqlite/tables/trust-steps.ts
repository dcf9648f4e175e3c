// The steps of roots, and what each principal was told of them. The list of steps is asked for at each hello, and remembered.
import { sql } from 'kysely';
import { NolapseError } from '../../../domain/errors.ts';
import type { PrincipalId } from '../../../domain/principal.ts';
import type { Instant } from '../../../domain/time.ts';
import { type KeptStep, nothingTold, type TrustTold } from '../../../domain/trust-told.ts';
import { bytesOf, type Parameter, type Queries } from '../query.ts';
import { build } from './schema.ts';

function prepareSteps(queries: Queries) {
  return {
    all: queries.prepare(() =>
      build
        .selectFrom('trust_step')
        .select([
          'sequence',
          'kind',
          'signer',
          'named',
          sql<number>`length(bytes)`.as('size'),
          'port',
          'made_at as madeAt',
          'announced_from as announcedFrom',
          'kept_until as keptUntil',
        ])
        .where('sequence', '>', sql.lit(0))
        .orderBy('sequence'),
    ),
    bytes: queries.prepare((p: Parameter<{ sequence: number }>) =>
      build.selectFrom('trust_step').select('bytes').where('sequence', '=', p('sequence')),
    ),
    put: queries.prepare((p: Parameter<Omit<KeptStep, 'size'> & { bytes: Uint8Array }>) => {
      const changing = { port: p('port'), announced_from: p('announcedFrom'), kept_until: p('keptUntil') };
      return build
        .insertInto('trust_step')
        .values({
          sequence: p('sequence'),
          kind: p('kind'),
          signer: p('signer'),
          named: p('named'),
          bytes: p('bytes'),
          made_at: p('madeAt'),
          ...changing,
        })
        .onConflict((conflict) => conflict.column('sequence').doUpdateSet(changing));
    }),
    forget: queries.prepare((p: Parameter<{ sequence: number }>) =>
      build.deleteFrom('trust_step').where('sequence', '=', p('sequence')),
    ),
  };
}

export function trustSteps(queries: Queries) {
  const { all, bytes, put, forget } = prepareSteps(queries);
  const bytesOfStep = (sequence: number): Uint8Array | null => {
    const row = bytes.get({ sequence });
    return row ? bytesOf(row.bytes) : null;
  };
  return {
    trustSteps: (): readonly KeptStep[] => all.all({}),
    trustStepBytes: bytesOfStep,
    putTrustStep: ({ size: _, ...step }: KeptStep, of: Uint8Array): void => {
      const held = bytesOfStep(step.sequence);
      if (held && Buffer.compare(held, of) !== 0) {
        throw new NolapseError(
          'conflict',
          `another step has the sequence ${step.sequence}: what is signed is not changed`,
        );
      }
      put.run({ ...step, bytes: of });
    },
    forgetTrustStep: (sequence: number): void => void forget.run({ sequence }),
  };
}

export function trustTold(queries: Queries) {
  const of = queries.prepare((p: Parameter<{ id: PrincipalId }>) =>
    build.selectFrom('trust_told').select(['body', 'tell_at as nextAt']).where('principal_id', '=', p('id')),
  );
  const due = queries.prepare((p: Parameter<{ now: Instant; limit: number }>) =>
    build
      .selectFrom('trust_told')
      .select('principal_id as id')
      .where('tell_at', 'is not', sql.lit(null))
      .where('tell_at', '<=', p('now'))
      .orderBy('tell_at')
      .limit(p('limit')),
  );
  const put = queries.prepare((p: Parameter<{ id: PrincipalId; body: string; nextAt: Instant | null }>) => {
    const facts = { body: p('body'), tell_at: p('nextAt') };
    return build
      .insertInto('trust_told')
      .values({ principal_id: p('id'), ...facts })
      .onConflict((conflict) => conflict.column('principal_id').doUpdateSet(facts));
  });
  return {
    trustTold: (id: PrincipalId): TrustTold | null => {
      const row = of.get({ id });
      if (!row) return null;
      const body = JSON.parse(row.body) as Omit<TrustTold, 'principalId' | 'nextAt'>;
      // What an older version has written lacks what it did not know of.
      return { ...nothingTold(id), ...body, nextAt: row.nextAt };
    },
    dueTrustTold: (now: Instant, limit: number): PrincipalId[] => due.all({ now, limit }).map(({ id }) => id),
    putTrustTold: ({ principalId: id, nextAt, ...body }: TrustTold): void =>
      void put.run({ id, nextAt, body: JSON.stringify(body) }),
  };
}
