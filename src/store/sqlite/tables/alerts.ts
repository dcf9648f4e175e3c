// Whom to look at and when, alerts, one row a name, and who has still to be told of what became of them.
import { sql } from 'kysely';
import {
  type Alert,
  type AlertEvent,
  type AlertKind,
  type AlertName,
  kindsOfPrincipals,
  type ToldAlert,
} from '../../../domain/alert.ts';
import type { PrincipalId } from '../../../domain/principal.ts';
import type { Instant } from '../../../domain/time.ts';
import type { WaitingNotification } from '../../../ports/notifications.ts';
import type { Parameter, Queries } from '../query.ts';
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

export function watches(queries: Queries) {
  const due = queries.prepare((p: Parameter<{ now: Instant; limit: number }>) =>
    build
      .selectFrom('watch')
      .select('principal_id as id')
      .where('due_at', '<=', p('now'))
      .orderBy('due_at')
      .limit(p('limit')),
  );
  const put = queries.prepare((p: Parameter<{ id: PrincipalId; dueAt: Instant }>) =>
    build
      .insertInto('watch')
      .values({ principal_id: p('id'), due_at: p('dueAt') })
      .onConflict((conflict) => conflict.column('principal_id').doUpdateSet({ due_at: p('dueAt') })),
  );
  const drop = queries.prepare((p: Parameter<{ id: PrincipalId }>) =>
    build.deleteFrom('watch').where('principal_id', '=', p('id')),
  );
  return {
    dueWatches: (now: Instant, limit: number): PrincipalId[] => due.all({ now, limit }).map(({ id }) => id),
    putWatch: (id: PrincipalId, dueAt: Instant | null): void =>
      void (dueAt === null ? drop.run({ id }) : put.run({ id, dueAt })),
  };
}

function prepareForget(queries: Queries) {
  const forget = queries.prepare((p: Parameter<{ before: Instant; limit: number }>) =>
    build
      .deleteFrom('alert')
      .where((eb) =>
        eb(eb.refTuple('kind', 'subject'), 'in', (select) =>
          select
            .selectFrom('alert')
            .select(['kind', 'subject'])
            .where('cleared_at', '<', p('before'))
            .limit(p('limit'))
            .$asTuple('kind', 'subject'),
        ),
      ),
  );
  return forget.run;
}

function prepareOpenOf(queries: Queries) {
  const kinds = kindsOfPrincipals.map((kind) => sql.lit(kind));
  return queries.prepare((p: Parameter<{ subject: string }>) =>
    open.where('kind', 'in', kinds).where('subject', '=', p('subject')).orderBy('kind'),
  );
}

export function alerts(queries: Queries) {
  const forget = prepareForget(queries);
  const openOf = prepareOpenOf(queries);
  const byName = queries.prepare((p: Parameter<{ kind: AlertKind; subject: string }>) =>
    rows.where('kind', '=', p('kind')).where('subject', '=', p('subject')),
  );
  const quietOf = queries.prepare((p: Parameter<{ kind: AlertKind; before: Instant; limit: number }>) =>
    open.where('kind', '=', p('kind')).where('seen_at', '<=', p('before')).orderBy('seen_at').limit(p('limit')),
  );
  const aheadOf = queries.prepare((p: Parameter<{ kind: AlertKind; now: Instant; limit: number }>) =>
    open.where('kind', '=', p('kind')).where('seen_at', '>', p('now')).orderBy('seen_at').limit(p('limit')),
  );
  const openAfter = queries.prepare((p: Parameter<{ kind: string; subject: string; limit: number }>) =>
    open
      .where(sql<boolean>`("kind", "subject") > (${p('kind')}, ${p('subject')})`)
      .orderBy('kind')
      .orderBy('subject')
      .limit(p('limit')),
  );
  const allAfter = queries.prepare((p: Parameter<{ kind: string; subject: string; limit: number }>) =>
    rows
      .where(sql<boolean>`("kind", "subject") > (${p('kind')}, ${p('subject')})`)
      .orderBy('kind')
      .orderBy('subject')
      .limit(p('limit')),
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
  return {
    alert: (kind: AlertKind, subject: string): Alert | null => byName.get({ kind, subject }) ?? null,
    openAlerts: (after: AlertName | null, limit: number): Alert[] =>
      openAfter.all({ kind: after?.kind ?? '', subject: after?.subject ?? '', limit }),
    alertsAfter: (after: AlertName | null, limit: number): Alert[] =>
      allAfter.all({ kind: after?.kind ?? '', subject: after?.subject ?? '', limit }),
    openAlertsOf: (id: PrincipalId): Alert[] => openOf.all({ subject: id }),
    quietAlerts: (kind: AlertKind, before: Instant, now: Instant, limit: number): Alert[] =>
      [...quietOf.all({ kind, before, limit }), ...aheadOf.all({ kind, now, limit })].slice(0, limit),
    alerts: (query: { readonly open?: boolean; readonly kind?: AlertKind }, limit: number): Alert[] => {
      const select = (query.open ? open : rows).orderBy('raised_at', 'desc').limit(limit);
      return queries.all(query.kind === undefined ? select : select.where('kind', '=', query.kind));
    },
    putAlert: (alert: Alert): void => void put.run(alert),
    forgetAlerts: (before: Instant, limit: number): number => forget({ before, limit }),
  };
}

export function notifications(queries: Queries) {
  const next = queries.prepare((p: Parameter<{ sink: string; limit: number }>) =>
    build
      .selectFrom('notification')
      .select(['id', 'sink', 'event', 'alert', 'due_at as dueAt', 'attempts'])
      .where('sink', '=', p('sink'))
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
  const trim = queries.prepare((p: Parameter<{ sink: string; kept: number }>) =>
    build
      .deleteFrom('notification')
      .where('sink', '=', p('sink'))
      .where('id', '<=', (eb) =>
        eb
          .selectFrom('notification')
          .select('id')
          .where('sink', '=', p('sink'))
          .orderBy('id', 'desc')
          .limit(sql.lit(1))
          .offset(p('kept')),
      ),
  );
  return {
    notifications: (sink: string, limit: number): WaitingNotification[] =>
      next.all({ sink, limit }).map((row) => ({ ...row, alert: JSON.parse(row.alert) as ToldAlert })),
    notifiedSinks: (): string[] =>
      queries.all(build.selectFrom('notification').select('sink').distinct()).map(({ sink }) => sink),
    waitingNotifications: (sink: string): number => waiting.get({ sink })?.count ?? 0,
    notify: (sink: string, event: AlertEvent, alert: ToldAlert, dueAt: Instant): void =>
      void add.run({ sink, event, alert: JSON.stringify(alert), dueAt }),
    dropNotification: (id: number): void => void drop.run({ id }),
    putOffNotification: (id: number, dueAt: Instant): void => void putOff.run({ id, dueAt }),
    trimNotifications: (sink: string, kept: number): number => trim.run({ sink, kept }),
  };
}
