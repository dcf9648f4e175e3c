// What became of an alert as a CloudEvent 1.0, in JSON: the same for whoever hears of it, over HTTP or MQTT.
import { type Alert, alertKey, alertKinds } from '../domain/alert.ts';
import type { Instant } from '../domain/time.ts';
import type { WaitingNotification } from '../ports/notifications.ts';
import { runbookOf } from './runbook.ts';
import type { Teller } from './teller.ts';

function iso(at: Instant | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

/** When the event happened. */
function timeOf({ event, alert }: WaitingNotification): Instant {
  const at = {
    raised: alert.raisedAt,
    updated: alert.updatedAt,
    acknowledged: alert.acknowledgedAt,
    cleared: alert.clearedAt,
  };
  return at[event] ?? alert.updatedAt;
}

function dataOf({ kind, subject, severity, detail, owner, ...alert }: Alert, base: string | null) {
  const { command, url } = runbookOf(kind, base);
  return {
    kind,
    subject,
    severity,
    detail,
    owner,
    meaning: alertKinds[kind].meaning,
    raisedAt: iso(alert.raisedAt),
    updatedAt: iso(alert.updatedAt),
    acknowledgedAt: iso(alert.acknowledgedAt),
    acknowledgedBy: alert.acknowledgedBy,
    clearedAt: iso(alert.clearedAt),
    runbook: command,
    runbookUrl: url,
  };
}

/**
 * With the broker's name the id is the event's own, whenever and however often it is told: a receiver that has
 * seen it has nothing to do. A ledger brought back from a backup may count its events anew, so the time is part of it.
 */
export function cloudEventOf({ gateway, runbookBase }: Teller, waiting: WaitingNotification) {
  const time = timeOf(waiting);
  return {
    specversion: '1.0',
    id: `${waiting.id}-${time}`,
    source: `urn:nolapse:gateway:${encodeURIComponent(gateway)}`,
    type: `nolapse.alert.${waiting.event}`,
    subject: alertKey(waiting.alert),
    time: iso(time),
    datacontenttype: 'application/json',
    data: dataOf(waiting.alert, runbookBase),
  };
}
