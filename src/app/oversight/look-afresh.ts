// Looks again at what a runbook sends somebody to, before it is shown: alerts about principals whose time has come, and the findings of a
// fleet that is small enough for that. What takes too long, or cannot be written, is shown as it was left, with its age.
import { NolapseError } from '../../domain/errors.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import type { WithTurns } from '../turns.ts';
import type { WithWhereabouts } from '../whereabouts.ts';
import type { WithExposure } from './exposure-watch.ts';
import { watchBatch, watchDue } from './watch-principals.ts';

export type LookAfreshContext = Changing &
  Pick<Context, 'policies' | 'settings'> &
  WithExposure &
  WithTurns &
  WithWhereabouts;

/** Batches of principals that one command has looked at: the rest is a sweep's. */
const batchesMax = 50;

/** Has alerts stand for what is so of principals and the home now, also where no broker runs and sweeps. */
export async function alertAfresh(app: LookAfreshContext): Promise<void> {
  await app.exposure.look();
  const limit = Math.min(watchBatch, app.settings.sweepBatch);
  try {
    for (let batch = 0; batch < batchesMax; batch += 1) {
      if ((await app.store.read.dueWatches(app.clock.now(), 1)).length === 0) return;
      if ((await change(app, (within) => watchDue(within, limit))) < limit) return;
      await app.turns.take();
    }
  } catch (error) {
    // A ledger that takes no writes still answers.
    if (!(error instanceof NolapseError && error.code === 'store_failed')) throw error;
  }
}
