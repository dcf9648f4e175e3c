// The alert sink that is always there: the log, one line an event.
import { principalOf } from '../domain/alert.ts';
import type { DecisionLog } from '../ports/decision-log.ts';
import type { WaitingNotification } from '../ports/notifications.ts';
import type { Sink } from '../ports/sink.ts';
import { runbookOf } from './runbook.ts';
import type { Teller } from './teller.ts';

/** Lines written before others have a turn. */
const batchMax = 200;

export function createLogSink(decisions: DecisionLog, { runbookBase }: Pick<Teller, 'runbookBase'>): Sink {
  return {
    batchMax,
    tell: async (waiting) => {
      for (const each of waiting) tellOne(decisions, each, runbookBase);
      return { kind: 'told' };
    },
  };
}

function tellOne(decisions: DecisionLog, { event, alert }: WaitingNotification, base: string | null): void {
  const { kind, subject, severity, detail, owner, acknowledgedBy } = alert;
  const principal = principalOf(alert);
  const { command, url } = runbookOf(kind, base);
  const by = event === 'acknowledged' && acknowledgedBy ? `, by ${acknowledgedBy}` : '';
  decisions.tell({
    action: `alert.${event}`,
    reason: kind,
    message: `ALERT ${event}${by}: ${kind}: ${subject}: ${detail}`,
    fields: {
      'nolapse.alert.subject': subject,
      'nolapse.alert.severity': severity,
      'nolapse.alert.runbook': url ?? command,
      ...(owner && { 'nolapse.alert.owner': owner }),
      ...(principal && { 'nolapse.principal': principal }),
    },
  });
}
