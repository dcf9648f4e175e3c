// How long to wait after a failure before the next try: twice as long as after the one before, up to a limit.

/** Doublings after which every limit is reached. */
const doublingsMax = 40;

/** Milliseconds to wait after a failure that came after `failures` others in a row: `firstMs` after the first. */
export function backoffMs(failures: number, firstMs: number, mostMs: number): number {
  return Math.min(mostMs, firstMs * 2 ** Math.min(Math.max(failures, 0), doublingsMax));
}
