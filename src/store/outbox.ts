// What is owed to the outside world. An effect's id changes each time it is owed, so that settling an older one leaves the
// newer in place.

import { sql } from 'kysely';
import { type Effect, effectKey, putOffMaxMs } from '../domain/effect.ts';
import type { Instant } from '../domain/time.ts';
import type { WaitingEffect } from '../ports/store.ts';
import type { Parameter, Queries } from './query.ts';
import { build } from './schema.ts';

export function outbox(queries: Queries) {
  // What was owed under the same key goes with its id.
  const put = queries.prepare((p: Parameter<{ key: string; kind: string; body: string }>) =>
    build
      .replaceInto('effect')
      .values({ key: p('key'), kind: p('kind'), body: p('body'), due_at: sql.lit(0), attempts: sql.lit(0) }),
  );
  const settle = queries.prepare((p: Parameter<{ id: number }>) =>
    build.deleteFrom('effect').where('id', '=', p('id')),
  );
  const putOff = queries.prepare((p: Parameter<{ id: number; dueAt: Instant }>) =>
    build
      .updateTable('effect')
      .set((eb) => ({ due_at: p('dueAt'), attempts: eb('attempts', '+', sql.lit(1)) }))
      .where('id', '=', p('id')),
  );
  // The inner query reads the index alone: of many that are due only those returned are fetched. `+id` keeps SQLite from
  // reading in order of id instead, past everything that was put off.
  const due = queries.prepare((p: Parameter<{ now: Instant; far: Instant; limit: number }>) =>
    build
      .selectFrom('effect')
      .select(['id', 'body', 'due_at as dueAt', 'attempts'])
      .where('id', 'in', (eb) =>
        eb
          .selectFrom('effect')
          .select('id')
          .where((or) => or.or([or('due_at', '<=', p('now')), or('due_at', '>', p('far'))]))
          .orderBy(sql`+id`)
          .limit(p('limit')),
      )
      .orderBy('id'),
  );
  return {
    dueEffects: (now: Instant, limit: number): WaitingEffect[] =>
      due.all({ now, far: now + putOffMaxMs, limit }).map(({ id, body, dueAt, attempts }) => ({
        id,
        effect: JSON.parse(body) as Effect,
        dueAt,
        attempts,
      })),
    owe: (effect: Effect): void =>
      void put.run({ key: effectKey(effect), kind: effect.kind, body: JSON.stringify(effect) }),
    settle: (id: number): void => void settle.run({ id }),
    putOff: (id: number, dueAt: Instant): void => void putOff.run({ id, dueAt }),
  };
}
