// Tells each decision once: one line in the log, one count. What is counted, how loud it is and whether a flood of it is folded
// into few lines, the table of actions says.
import type { Decision, DecisionLog } from '../ports/decision-log.ts';
import { actionOf } from './actions.ts';
import { Folds } from './folds.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

export function createDecisionLog(log: Log, metrics: Metrics): DecisionLog {
  const write = (decision: Decision): void => {
    const line = {
      'event.action': decision.action,
      ...(decision.reason !== undefined && { 'event.reason': decision.reason }),
      ...decision.fields,
    };
    log[decision.level ?? actionOf(decision.action)?.level ?? 'warn'](line, decision.message);
  };
  const folds = new Folds(write);
  return {
    tell: (decision) => {
      const action = actionOf(decision.action);
      if (action) action.count?.(metrics, decision);
      else metrics.count('nolapse_unlisted_decisions_total', {});
      if (action?.folds) folds.tell(decision);
      else write(decision);
    },
  };
}
