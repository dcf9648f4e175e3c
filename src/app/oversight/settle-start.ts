// What may have changed while nothing ran, settled at a start before the first sweep: the time, the configuration, which sources
// there are, and which kinds of alerts.
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { settleUntold } from '../renewal/tell-authority.ts';
import { clockMovedMeanwhile } from './clock-moved.ts';
import { refusedReload } from './refused-reload.ts';
import { settleSources } from './settle-alerts.ts';
import { alertOfStaleLedger } from './stale-ledger.ts';
import { watchNewKinds } from './watch-principals.ts';

type SettleStartContext = Changing & Pick<Context, 'authority' | 'sources' | 'policies' | 'settings'>;

/** To be called once, before anything of this run is written. */
export async function settleAtStart(app: SettleStartContext): Promise<void> {
  await alertOfStaleLedger(app);
  await clockMovedMeanwhile(app);
  await settleSources(app);
  await change(app, watchNewKinds);
  await settleUntold(app);
  // The policies of the file hold from now on: nothing is refused any more. Whom they leave too little time is alerted of by itself.
  await change(app, ({ clearAlert }) => clearAlert(refusedReload));
}
