// What is owed to the outside world. An effect's id changes each time it is owed, so that settling an older one leaves the
// newer in place.
import { type RawBuilder, sql } from 'kysely';
import { type Effect, effectKey, effectRank, keepsPlace, putOffMaxMs } from '../../../domain/effect.ts';
import type { Instant } from '../../../domain/time.ts';
import type { QueuedKind, WaitingEffect } from '../../../ports/outbox.ts';
import type { Parameter, Queries } from '../query.ts';
import { build } from './schema.ts';

interface Row {
  readonly id: number;
  readonly body: string;
  readonly dueAt: Instant;
  readonly attempts: number;
}

function prepareReads(queries: Queries) {
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
          // In both parts, because a partial index answers only to the condition it was made with.
          .where((or) =>
            or.or([
              or.and([or('due_at', '<=', p('now')), or('rank', 'is', sql.lit(null))]),
              or.and([or('due_at', '>', p('far')), or('rank', 'is', sql.lit(null))]),
            ]),
          )
          .orderBy(sql`+id`)
          .limit(p('limit')),
      )
      .orderBy('id'),
  );
  // In the order of an index: however many wait, only those returned are read, and what was put off is passed in the index.
  const queued = queries.prepare((p: Parameter<{ kind: QueuedKind; now: Instant; far: Instant; limit: number }>) =>
    build
      .selectFrom('effect')
      .select(['id', 'body', 'due_at as dueAt', 'attempts'])
      .where('kind', '=', p('kind'))
      .where('rank', 'is not', sql.lit(null))
      .where((or) => or.or([or('due_at', '<=', p('now')), or('due_at', '>', p('far'))]))
      .orderBy('rank')
      .limit(p('limit')),
  );
  return { due, queued };
}

const waitingOf = ({ id, body, dueAt, attempts }: Row): WaitingEffect => ({
  id,
  effect: JSON.parse(body) as Effect,
  dueAt,
  attempts,
});

export function outbox(queries: Queries) {
  interface Owed {
    readonly key: string;
    readonly kind: string;
    readonly body: string;
    readonly rank: number | null;
  }
  // What was owed under the same key goes with its id.
  const putAt = (rankOf: (p: Parameter<Owed>) => RawBuilder<number | null>) =>
    queries.prepare((p: Parameter<Owed>) =>
      build.replaceInto('effect').values({
        key: p('key'),
        kind: p('kind'),
        body: p('body'),
        rank: rankOf(p),
        due_at: sql.lit(0),
        attempts: sql.lit(0),
      }),
    );
  const put = putAt((p) => p('rank'));
  const putInPlace = putAt((p) => {
    const waiting = build.selectFrom('effect').select('rank').where('key', '=', p('key'));
    return sql<number>`min(${p('rank')}, coalesce((${waiting}), ${p('rank')}))`;
  });
  const complete = queries.prepare((p: Parameter<{ id: number }>) =>
    build.deleteFrom('effect').where('id', '=', p('id')),
  );
  const putOff = queries.prepare((p: Parameter<{ id: number; dueAt: Instant }>) =>
    build
      .updateTable('effect')
      .set((eb) => ({ due_at: p('dueAt'), attempts: eb('attempts', '+', sql.lit(1)) }))
      .where('id', '=', p('id')),
  );
  const { due, queued } = prepareReads(queries);
  return {
    dueEffects: (now: Instant, limit: number): WaitingEffect[] =>
      due.all({ now, limit, far: now + putOffMaxMs }).map(waitingOf),
    queuedEffects: (kind: QueuedKind, now: Instant, limit: number): WaitingEffect[] =>
      queued.all({ kind, now, limit, far: now + putOffMaxMs }).map(waitingOf),
    enqueue: (effect: Effect): void =>
      void (keepsPlace(effect) ? putInPlace : put).run({
        key: effectKey(effect),
        kind: effect.kind,
        body: JSON.stringify(effect),
        rank: effectRank(effect),
      }),
    complete: (id: number): void => void complete.run({ id }),
    putOff: (id: number, dueAt: Instant): void => void putOff.run({ id, dueAt }),
  };
}
