// Tells of a connection that is slowed down once, until it has not been for a while.
import type { Decision, Journal } from '../ports/journal.ts';

/** After so long without, it is told of again. */
const slowedAnewMs = 60_000;

/** To be called each time it is slowed down. */
export function slowedTeller(journal: Journal, fields: () => NonNullable<Decision['fields']>): () => void {
  let slowedAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now - slowedAt > slowedAnewMs) {
      const message = 'more packets than the limit: they are read more slowly';
      journal.tell({ action: 'connection.slowed', reason: 'packets_per_second', message, fields: fields() });
    }
    slowedAt = now;
  };
}
