// Tells each decision once: one line in the log, one count. What is counted and how loud it is, the table of actions says.
import type { Journal } from '../ports/journal.ts';
import { actionOf } from './actions.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

export function createJournal(log: Log, metrics: Metrics): Journal {
  return {
    tell: (decision) => {
      const action = actionOf(decision.action);
      const line = {
        'event.action': decision.action,
        ...(decision.reason !== undefined && { 'event.reason': decision.reason }),
        ...decision.fields,
      };
      if (action) action.count?.(metrics, decision);
      else metrics.count('nolapse_unlisted_decisions_total', {});
      log[decision.level ?? action?.level ?? 'warn'](line, decision.message);
    },
  };
}
