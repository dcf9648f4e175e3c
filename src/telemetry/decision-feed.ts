// A decision log that also tells whoever listens, at once and in order. It keeps nothing: who does not listen misses it.
import type { Decision, DecisionLog } from '../ports/decision-log.ts';
import { actionOf } from './actions.ts';

/** A decision, how loud it is, and when it was told, in Unix milliseconds. */
export interface HeardDecision extends Decision {
  readonly level: NonNullable<Decision['level']>;
  readonly at: number;
}

export class DecisionFeed implements DecisionLog {
  readonly #log: DecisionLog;
  readonly #listeners = new Set<(heard: HeardDecision) => void>();

  constructor(log: DecisionLog) {
    this.#log = log;
  }

  readonly tell = (decision: Decision): void => {
    this.#log.tell(decision);
    if (this.#listeners.size === 0) return;
    const level = decision.level ?? actionOf(decision.action)?.level ?? 'warn';
    const heard = { ...decision, level, at: Date.now() };
    for (const listener of this.#listeners) listener(heard);
  };

  /** @param listener must not throw. @returns what ends it. */
  listen(listener: (heard: HeardDecision) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
