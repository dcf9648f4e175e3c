// The state in which a renewal is counted, listed and searched for. A renewal that has missed its deadline goes on through grace in its own
// state; people and metrics are told that it has lapsed. The store computes the same in SQL, and a contract test holds the two together.
import type { Renewal, RenewalState } from './renewal.ts';

/** States in which a missed deadline is over: the replacement came into use, or was no longer wanted. */
const settled: readonly RenewalState[] = ['activated', 'retired', 'cancelled'];

/** `lapsed` from the missed deadline until the replacement is in use, also after grace has ended; else the renewal's own state. */
export function shownState({ state, lapsedAt }: Pick<Renewal, 'state' | 'lapsedAt'>): RenewalState {
  return lapsedAt !== null && !settled.includes(state) ? 'lapsed' : state;
}

/** Did it miss its deadline and is settled now? No longer lapsed, and counted apart. */
export function isLate({ state, lapsedAt }: Pick<Renewal, 'state' | 'lapsedAt'>): boolean {
  return lapsedAt !== null && settled.includes(state);
}
