// Alerts, one row a name, and who has still to be told of what became of them.
import { sql } from 'kysely';
import type { Alert, AlertEvent, AlertKind } from '../domain/alert.ts';
import type { Instant } from '../domain/time.ts';
import type { WaitingNotification } from '../ports/store.ts';
import type { Parameter, Queries } from './query.ts';
import { build } from './schema.ts';

const rows = build
  .selectFrom('alert')
  .select([
    'kind',
    'subject',
    'severity',
    'detail',
    'owner',
    'raised_at as raisedAt',
    'updated_at as updatedAt',
    'seen_at as seenAt',
    'acknowledged_at as acknowledgedAt',
    'acknowledged_by as acknowledgedBy',
    'cleared_at as clearedAt',
  ]);
const open = rows.where('cleared_at', 'is', null);

export function alerts(queries: Queries) {
  const byName = queries.prepare((p: Parameter<{ kind: AlertKind; subject: string }>) =>
    rows.where('kind', '=', p('kind')).where('subject', '=', p('subject')),
  );
  const openOf = queries.prepare((p: Parameter<{ kind: AlertKind; limit: number }>) =>
    open.where('kind', '=', p('kind')).orderBy('seen_at').limit(p('limit')),
  );
  const put = queries.prepare((p: Parameter<Alert>) => {
    const facts = {
      severity: p('severity'),
      detail: p('detail'),
      owner: p('owner'),
      raised_at: p('raisedAt'),
      updated_at: p('updatedAt'),
      seen_at: p('seenAt'),
      acknowledged_at: p('acknowledgedAt'),
      acknowledged_by: p('acknowledgedBy'),
      cleared_at: p('clearedAt'),
    };
    return build
      .insertInto('alert')
      .values({ kind: p('kind'), subject: p('subject'), ...facts })
      .onConflict((conflict) => conflict.columns(['kind', 'subject']).doUpdateSet(facts));
  });
  const forget = queries.prepare((p: Parameter<{ before: Instant }>) =>
    build.deleteFrom('alert').where('cleared_at', '<', p('before')),
  );
  return {
    alert: (kind: AlertKind, subject: string): Alert | null => byName.get({ kind, subject }) ?? null,
    openAlerts: (kind: AlertKind, limit: number): Alert[] => openOf.all({ kind, limit }),
    alerts: (query: { readonly open?: boolean }, limit: number): Alert[] =>
      queries.all((query.open ? open : rows).orderBy('raised_at', 'desc').limit(limit)),
    putAlert: (alert: Alert): void => void put.run(alert),
    forgetAlerts: (before: Instant): void => void forget.run({ before }),
  };
}

export function notifications(queries: Queries) {
  const due = queries.prepare((p: Parameter<{ sink: string; now: Instant; limit: number }>) =>
    build
      .selectFrom('notification')
      .select(['id', 'sink', 'event', 'alert', 'due_at as dueAt', 'attempts'])
      .where('sink', '=', p('sink'))
      .where('due_at', '<=', p('now'))
      .orderBy('due_at')
      .orderBy('id')
      .limit(p('limit')),
  );
  const waiting = queries.prepare((p: Parameter<{ sink: string }>) =>
    build
      .selectFrom('notification')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('sink', '=', p('sink')),
  );
  const add = queries.prepare((p: Parameter<{ sink: string; event: AlertEvent; alert: string; dueAt: Instant }>) =>
    build
      .insertInto('notification')
      .values({ sink: p('sink'), event: p('event'), alert: p('alert'), due_at: p('dueAt'), attempts: sql.lit(0) }),
  );
  const drop = queries.prepare((p: Parameter<{ id: number }>) =>
    build.deleteFrom('notification').where('id', '=', p('id')),
  );
  const putOff = queries.prepare((p: Parameter<{ id: number; dueAt: Instant }>) =>
    build
      .updateTable('notification')
      .set((eb) => ({ due_at: p('dueAt'), attempts: eb('attempts', '+', sql.lit(1)) }))
      .where('id', '=', p('id')),
  );
  return {
    dueNotifications: (sink: string, now: Instant, limit: number): WaitingNotification[] =>
      due.all({ sink, now, limit }).map((row) => ({ ...row, alert: JSON.parse(row.alert) as Alert })),
    waitingNotifications: (sink: string): number => waiting.get({ sink })?.count ?? 0,
    notify: (sink: string, event: AlertEvent, alert: Alert, dueAt: Instant): void =>
      void add.run({ sink, event, alert: JSON.stringify(alert), dueAt }),
    dropNotification: (id: number): void => void drop.run({ id }),
    putOffNotification: (id: number, dueAt: Instant): void => void putOff.run({ id, dueAt }),
  };
}
