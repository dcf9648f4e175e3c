// One measurement on the ledger of a million devices, in a process of its own: its memory is its peak's. Arguments: home, and what
// is measured.
import { reconcile } from '../../src/app/inventory/reconcile.ts';
import { forecast } from '../../src/app/oversight/forecast.ts';
import { replan } from '../../src/app/oversight/replan.ts';
import { lookOverNow } from '../../src/app/upkeep/begin-chores.ts';
import { sweep } from '../../src/app/upkeep/sweep.ts';
import { loadConfig } from '../../src/config/index.ts';
import { historyWork, type Work } from './history.ts';
import { watchHold } from './hold.ts';
import { type Measured, openFleet } from './million.ts';
import { standingWork } from './standing.ts';

const [home = '', what = ''] = process.argv.slice(2);
const parts = await openFleet(home);
const { app, outbox } = parts;
const works: Readonly<Record<string, Work>> = { ...historyWork, ...standingWork };
const work = works[what]?.(parts);

async function run(): Promise<string> {
  if (work) return work();
  if (what === 'difference') {
    const { counts } = await reconcile(app, { source: 'plant', dryRun: true, limit: 0 });
    return `${counts.added} to add, ${counts.changed} to change, ${counts.decommissioned} to decommission`;
  }
  if (what === 'refusal') {
    const faults = await reconcile(app, { source: 'plant' }).then(
      () => [],
      (error: { faults: readonly string[] }) => error.faults,
    );
    return `refused with ${faults.length} faults named`;
  }
  if (what === 'look') {
    const counts = Object.values(await lookOverNow(app));
    return `${counts.reduce((sum, count) => sum + count, 0).toLocaleString('en')} findings`;
  }
  if (what === 'forecast') {
    const { looked, dark } = await forecast(app, { days: 90 });
    return `${dark.toLocaleString('en')} of ${looked.toLocaleString('en')} go dark`;
  }
  if (what === 'reckoning') {
    app.policies.replace(loadConfig({ env: { NOLAPSE_CLASSES_DEFAULT_RENEWAT: '45%' } }).policies);
    await replan(app, new AbortController().signal);
    const { looked, earlier } = JSON.parse((await app.store.read.setting('due-dates')) ?? '{}') as Record<
      string,
      number
    >;
    return `${earlier?.toLocaleString('en')} of ${looked?.toLocaleString('en')} are due earlier`;
  }
  const swept = await sweep(app);
  await outbox.idle();
  return `${swept.due.toLocaleString('en')} renewals opened and prompted`;
}

// Statements that are not compiled yet cost whoever comes first.
await app.store.read.outlooks(0, null, 1);
const heldSoFar = watchHold();
// Not what the kernel has as the peak: that begins with what the process this one was forked from had.
let peakBytes = process.memoryUsage.rss();
const look = (): void => {
  peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
};
const looking = setInterval(look, 10);
const began = performance.now();
const outcome = await run();
const seconds = (performance.now() - began) / 1_000;
// What held the loop last is seen only when it turns again.
await new Promise((resolve) => setTimeout(resolve, 20));
const hold = heldSoFar();
clearInterval(looking);
look();
const measured: Measured = { seconds, peakMib: peakBytes / 1_048_576, ...hold, outcome };
await outbox.close();
await app.store.close();
process.send?.(measured, () => process.exit(0));
