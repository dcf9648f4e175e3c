// Waits for what was logged to be written. Apart from the logger, so that a command loads that only where it logs.
import type { Log } from './log.ts';

/** Resolves when all that was logged is written, or after a second. */
export function flushed(log: Log): Promise<void> {
  return new Promise((resolve) => log.flush(() => resolve()));
}
