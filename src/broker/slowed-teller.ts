// Tells of a connection that is slowed down once, until it has not been for a while.
import type { Decision, DecisionLog } from '../ports/decision-log.ts';

/** After so long without, it is told of again. */
const slowedAnewMs = 60_000;

/** To be called each time it is slowed down. */
export function slowedTeller(decisions: DecisionLog, fields: () => NonNullable<Decision['fields']>): () => void {
  let slowedAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now - slowedAt > slowedAnewMs) {
      const message = 'more packets than the limit: they are read more slowly';
      decisions.tell({ action: 'connection.slowed', reason: 'packets_per_second', message, fields: fields() });
    }
    slowedAt = now;
  };
}
