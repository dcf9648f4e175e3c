// What may have changed while nothing ran, settled at a start before the first sweep: the time, and which sources there are.
import type { App } from '../context.ts';
import { clockMovedMeanwhile } from './clock-moved.ts';
import { settleSources } from './settle-alerts.ts';
import { alertOfStaleLedger } from './stale-ledger.ts';

/** To be called once, before anything of this run is written. */
export async function settleAtStart(app: App): Promise<void> {
  await alertOfStaleLedger(app);
  await clockMovedMeanwhile(app);
  await settleSources(app);
}
