// What follows from the clock having been set: it is told, somebody is alerted, and everything that was judged by the time before is
// looked at again.
import { formatDuration } from '../../domain/time.ts';
import { type Change, type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { lastWritten } from './last-written.ts';
import { watchAnew } from './watch-principals.ts';

/** @param movedMs by how much, back below 0. */
export async function clockMoved(app: Changing, movedMs: number): Promise<void> {
  const moved = `set ${movedMs > 0 ? 'forward' : 'back'} by ${formatDuration(Math.abs(movedMs))}`;
  app.decisions.tell({
    action: 'clock.moved',
    message: `the clock was ${moved}`,
    fields: { 'nolapse.clock.moved_ms': Math.round(movedMs) },
  });
  await change(app, async (within) => {
    await alertOfClock(within, `it was ${moved}`);
    await watchAnew(within);
  });
}

/** At the start: when the ledger was written last cannot lie ahead, unless the clock was set back while nothing ran. */
export async function clockMovedMeanwhile(app: Changing & Pick<Context, 'settings'>): Promise<void> {
  await change(app, async (within) => {
    const aheadMs = ((await lastWritten(within.tx)) ?? within.now) - within.now;
    if (aheadMs <= app.settings.skewMs) return;
    await alertOfClock(within, `at the start it was ${formatDuration(aheadMs)} before what was recorded last`);
  });
}

function alertOfClock(within: Change, detail: string): Promise<void> {
  return within.alert({ kind: 'clock_moved', subject: 'clock', severity: 'warning', detail, owner: null });
}
