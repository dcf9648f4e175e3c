// Clears alerts that nothing else clears: events that did not come again, and what concerned a source that is configured no more; with it
// go the findings of that source.
import { type AlertKind, alertKinds, isOver } from '../../domain/alert.ts';
import { type Change, type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { conflictKinds } from '../inventory/plan-reconcile.ts';

/** Alerts of one kind settled in one go; the next look goes on. */
const settledMax = 200;
/** Batches of alerts that are forgotten in one look. */
const batchesMax = 50;

const events = (Object.keys(alertKinds) as AlertKind[]).filter((kind) => alertKinds[kind].quietMs !== null);

/** Clears events that have been quiet for as long as their kind says, and forgets alerts that were cleared long ago. */
export async function settleAlerts(app: Changing & Pick<Context, 'settings'>): Promise<void> {
  for (const kind of events) await change(app, (within) => settleKind(within, kind));
  await forgetAlerts(app);
}

/** A bounded number in one go: a million that were cleared together are over together. The next look goes on. */
async function forgetAlerts(app: Changing & Pick<Context, 'settings'>): Promise<void> {
  for (let batch = 0; batch < batchesMax; batch += 1) {
    const forget = (within: Change) => within.tx.forgetAlerts(within.now - app.settings.alertsKeptMs, settledMax);
    if ((await change(app, forget)) < settledMax) return;
  }
}

async function settleKind(within: Change, kind: AlertKind): Promise<void> {
  const { tx, now } = within;
  const quiet = await tx.quietAlerts(kind, now - (alertKinds[kind].quietMs ?? 0), now, settledMax);
  for (const alert of quiet) {
    if (isOver(alert, now)) await within.clearAlert(alert);
    // Seen in what is the future now: the clock was set back, and its day begins anew.
    else await tx.putAlert({ ...alert, seenAt: now });
  }
}

/** Open alerts about sources looked at: there are no more sources than that. */
const sourcesMax = 10_000;

/** At the start: a source that is configured no more can neither fail nor recover, and names no devices. */
export async function settleSources(app: Changing & Pick<Context, 'sources'>): Promise<void> {
  await change(app, async (within) => {
    for (const alert of await within.tx.alerts({ open: true, kind: 'source_failed' }, sourcesMax)) {
      if (!app.sources.has(alert.subject)) await within.clearAlert(alert);
    }
    for (const kind of conflictKinds) await forgetGone(within, kind);
  });
}

/** Goes from one source's findings to those of the next, however many each has. */
async function forgetGone({ app, tx }: Change<Pick<Context, 'sources'>>, kind: string): Promise<void> {
  let after = '';
  for (;;) {
    const [next] = await tx.findings({ kind, after }, 1);
    if (!next) return;
    const name = next.subject.slice(0, next.subject.indexOf('/'));
    if (!app.sources.has(name)) await tx.forgetFindings(kind, Number.MAX_SAFE_INTEGER, `${name}/`);
    // No subject of this source comes after it: ids are ASCII.
    after = `${name}/\x7f`;
  }
}
