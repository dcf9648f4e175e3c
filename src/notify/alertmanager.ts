// The alert sink for Prometheus Alertmanager, in the form of its v2 API. Alertmanager knows an alert by its labels and takes one it no
// longer hears of for resolved (`resolve_timeout`), so what is open is told again and again.
import { type Alert, alertKinds, type ToldAlert } from '../domain/alert.ts';
import type { Sink } from '../ports/sink.ts';
import { post, type Webhook } from './post.ts';
import { runbookOf } from './runbook.ts';
import type { Teller } from './teller.ts';

const batchMax = 100;

export interface AlertmanagerWebhook extends Webhook {
  /** How often what is open is told again. */
  readonly repeatMs: number;
}

interface PostableAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  /** Absent: open, for as long as it is told again. */
  readonly endsAt?: string;
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

function postable({ gateway, runbookBase }: Teller, alert: Alert): PostableAlert {
  const { kind, subject, severity, detail, owner, raisedAt, acknowledgedBy, clearedAt } = alert;
  const { command, url } = runbookOf(kind, runbookBase);
  return {
    labels: { alertname: kind, job: 'nolapse', instance: gateway, subject, severity, ...(owner && { owner }) },
    annotations: {
      summary: `${subject}: ${detail}`,
      description: alertKinds[kind].meaning,
      runbook: command,
      ...(url && { runbook_url: url }),
      ...(acknowledgedBy && { acknowledged_by: acknowledgedBy }),
    },
    startsAt: iso(raisedAt),
    // Not before its start, wherever the clock was set meanwhile: it would be refused.
    ...(clearedAt !== null && { endsAt: iso(Math.max(clearedAt, raisedAt)) }),
  };
}

/** Of each alert what became of it last: twice in one post, nobody promises which of the two counts. */
function lastOfEach(alerts: readonly PostableAlert[]): PostableAlert[] {
  return [...new Map(alerts.map((each) => [JSON.stringify(each.labels), each])).values()];
}

/** With another severity or owner its labels are others, and what had the old ones is over. */
function replaced(teller: Teller, alert: ToldAlert): PostableAlert[] {
  if (!alert.was) return [];
  const endsAt = iso(Math.max(alert.updatedAt, alert.raisedAt));
  return [{ ...postable(teller, { ...alert, ...alert.was }), endsAt }];
}

export function createAlertmanagerSink(webhook: AlertmanagerWebhook, teller: Teller, now: () => number): Sink {
  const place = new URL(webhook.url);
  place.pathname = `${place.pathname.replace(/\/+$/, '')}/api/v2/alerts`;
  const there = { ...webhook, url: place.href };
  const send = (alerts: readonly PostableAlert[], signal: AbortSignal) =>
    post(there, { type: 'application/json', body: JSON.stringify(alerts) }, now(), signal);
  return {
    batchMax,
    tell: (waiting, signal) =>
      send(lastOfEach(waiting.flatMap(({ alert }) => [...replaced(teller, alert), postable(teller, alert)])), signal),
    again: {
      everyMs: webhook.repeatMs,
      tell: (alerts, signal) =>
        send(
          alerts.map((alert) => postable(teller, alert)),
          signal,
        ),
    },
  };
}
