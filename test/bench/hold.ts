// The longest that the event loop was held: what everybody else waited at most, and how much of it the processor worked for this thread.
// On a machine that others use, the second is what the work itself costs; waits for the disk are in the first alone.
import { existsSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Nanoseconds that the main thread was on a processor, first of three numbers. */
const schedule = '/proc/self/schedstat';

export interface Hold {
  readonly heldMs: number;
  /** Null: this system does not tell. */
  readonly workedMs: number | null;
}

function workedSoFarMs(): number {
  return Number(readFileSync(schedule, 'latin1').split(' ', 1)[0]) / 1e6;
}

/** Looks from now on, every millisecond that the loop lets it. @returns what ends the looking; to be called in a later turn than the work. */
export function watchHold(): () => Hold {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  let most = 0;
  let last = existsSync(schedule) ? workedSoFarMs() : null;
  const timer = setInterval(() => {
    if (last === null) return;
    const worked = workedSoFarMs();
    most = Math.max(most, worked - last);
    last = worked;
  }, 1);
  return () => {
    delays.disable();
    clearInterval(timer);
    return { heldMs: delays.max / 1e6, workedMs: last === null ? null : most };
  };
}
