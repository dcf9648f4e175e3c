// Clears alerts that nothing else clears: events that did not come again, and what concerned a source that is configured no more.
import { type AlertKind, alertKinds, isOver } from '../../domain/alert.ts';
import { type Change, change } from '../change.ts';
import type { App } from '../context.ts';

/** Alerts of one kind settled in one go; the next look goes on. */
const settledMax = 200;

const events = (Object.keys(alertKinds) as AlertKind[]).filter((kind) => alertKinds[kind].quietMs !== null);

/** Clears events that have been quiet for as long as their kind says, and forgets alerts that were cleared long ago. */
export async function settleAlerts(app: App): Promise<void> {
  for (const kind of events) await change(app, (within) => settleKind(within, kind));
  await change(app, ({ tx, now }) => tx.forgetAlerts(now - app.settings.alertsKeptMs));
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

/** At the start: a source that is configured no more can neither fail nor recover. */
export async function settleSources(app: App): Promise<void> {
  await change(app, async (within) => {
    for (const alert of await within.tx.alerts({ open: true, kind: 'source_failed' }, sourcesMax)) {
      if (!app.sources.has(alert.subject)) await within.clearAlert(alert);
    }
  });
}
