// What lies under the gateway and is not its own: where its log goes, how many files and connections it may open, who may write its
// home. What of it must be told, as alerts.
import type { Finding } from './alert.ts';

/** How the lines of the log get out. */
export interface LogState {
  /** Why they do not, in words that stay the same while it is so; null: they do. */
  readonly failure: string | null;
  /** Lines dropped since the process began. */
  readonly dropped: number;
}

/** Well again, it counts as well after this. */
const quietMs = 60_000;

/** Judges the log from one look to the next: what was wrong a moment ago may be so again. */
export class LogJudgement {
  #dropped = 0;
  #isDropping = false;
  #failedAt = Number.NEGATIVE_INFINITY;
  #finding: Finding | null = null;

  /** @param now milliseconds that only go forward. @returns what must be told; null: it is well. */
  judge({ failure, dropped }: LogState, now: number): Finding | null {
    const drops = dropped > this.#dropped;
    this.#dropped = dropped;
    if (failure !== null || drops) {
      this.#failedAt = now;
      this.#isDropping ||= drops;
      const faults = [...(failure === null ? [] : [failure]), ...(this.#isDropping ? ['lines are dropped'] : [])];
      this.#finding = findingOf(faults.join('; '));
    } else if (now >= this.#failedAt + quietMs) {
      this.#isDropping = false;
      this.#finding = null;
    }
    return this.#finding;
  }
}

function findingOf(faults: string): Finding {
  const detail = `the log does not get out: ${faults}`;
  return { kind: 'log_unwritable', subject: 'log', severity: 'warning', detail, owner: null };
}
