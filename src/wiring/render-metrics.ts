// What a scrape reads from a running broker beside what is counted as it happens. Its cost follows what is wrong, not the size of the fleet.
import type { Context } from '../app/context.ts';
import type { Foresight } from '../app/oversight/foresight.ts';
import { type OwnContext, ownDeadlines } from '../app/trust/own-deadlines.ts';
import { controlFailed, sharesBySlot } from '../app/trust/shares.ts';
import { slotEnds } from '../app/trust/slot-ends.ts';
import { signingNumber } from '../app/trust.ts';
import type { FleetView } from '../app/views/fleet.ts';
import { deadlineKinds, firstOfEach } from '../domain/own-deadlines.ts';
import { foreseenDays } from '../domain/standing.ts';
import { toSeconds } from '../domain/time.ts';
import type { Shares } from '../domain/trust-shares.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { ownerLines } from '../telemetry/owner-metrics.ts';
import { measureLists } from './served-crl.ts';

type RenderMetricsContext = OwnContext & Pick<Context, 'machine' | 'sinks'> & { readonly foresight: Foresight };

/** How long a scrape waits for a look ahead that is under way; after that it has the figures of the last. */
const patienceMs = 1_000;

interface Measured {
  readonly app: RenderMetricsContext;
}

interface Lanes {
  sessionsIn(lane: 'full' | 'renew-only'): number;
}

export async function renderMetrics({ app }: Measured, metrics: Metrics, broker: Lanes): Promise<string> {
  const { certificates, renewals, alerts, late } = await app.store.read.counts();
  for (const [name, count] of Object.entries(alerts)) {
    const [kind = '', severity = ''] = name.split('/');
    metrics.set('nolapse_alerts', { kind, severity }, count);
  }
  metrics.set('nolapse_notifications_waiting', {}, await waitingNotifications(app));
  for (const [state, count] of Object.entries(certificates)) metrics.set('nolapse_certificates', { state }, count);
  for (const [state, count] of Object.entries(renewals)) metrics.set('nolapse_renewals', { state }, count);
  metrics.set('nolapse_lapsed', {}, renewals['lapsed'] ?? 0);
  metrics.set('nolapse_late', {}, late);
  metrics.set('nolapse_ledger_writable', {}, app.store.isWell ? 1 : 0);
  metrics.set('nolapse_log_writable', {}, app.machine.log()?.failure ? 0 : 1);
  metrics.set('nolapse_issued_unrecorded', {}, app.machine.issued()?.waiting ?? 0);
  for (const lane of ['full', 'renew-only'] as const)
    metrics.set('nolapse_sessions', { lane }, broker.sessionsIn(lane));
  await setDeadlines(app, metrics);
  await setShares(app, metrics);
  for (const { ca, slot, at } of await slotEnds(app)) {
    metrics.set('nolapse_ca_not_after_seconds', { ca, slot }, toSeconds(at ?? 0));
  }
  await measureLists(app, metrics, signingNumber(app));
  setFleet(metrics, await app.foresight.view(patienceMs, { fresh: false }));
  return metrics.render();
}

async function setDeadlines(app: OwnContext, metrics: Metrics): Promise<void> {
  const first = firstOfEach(await ownDeadlines(app, app.served.first.certificate));
  for (const which of deadlineKinds) {
    const end = first.get(which);
    if (end === undefined) metrics.unset('nolapse_own_not_after_seconds', { which });
    else metrics.set('nolapse_own_not_after_seconds', { which }, toSeconds(end));
  }
}

const shareStates = {
  in_service: 'inService',
  offered: 'offered',
  stored: 'stored',
  proved: 'proved',
  unproved: 'unproved',
} as const satisfies Record<string, keyof Shares>;

/** In a slot that is empty there is nobody. */
async function setShares(app: Pick<Context, 'store'>, metrics: Metrics): Promise<void> {
  for (const [slot, shares] of await sharesBySlot(app)) {
    for (const [state, key] of Object.entries(shareStates)) {
      metrics.set('nolapse_trust_principals', { slot, state }, shares?.[key] ?? 0);
    }
  }
  metrics.set('nolapse_trust_control_failed', {}, await controlFailed(app));
}

async function waitingNotifications({ sinks, store }: Pick<Context, 'store' | 'sinks'>): Promise<number> {
  const waiting = await Promise.all([...sinks.keys()].map((name) => store.read.waitingNotifications(name)));
  return waiting.reduce((sum, count) => sum + count, 0);
}

function setFleet(metrics: Metrics, { now, dark, without, nearestEndAt, ahead }: FleetView): void {
  metrics.set('nolapse_dark_now', {}, dark.all);
  metrics.set('nolapse_without_certificate', {}, without.all);
  metrics.set('nolapse_nearest_not_after_seconds', {}, toSeconds(nearestEndAt ?? 0));
  if (!ahead) return;
  for (const days of foreseenDays) metrics.set('nolapse_dark_within', { days: `${days}` }, ahead.darkWithin[days]);
  metrics.set('nolapse_dark_within_as_of_seconds', {}, toSeconds(now - ahead.ageMs));
}

/** The same, and what is wrong by owner: for operators alone. */
export async function renderOwnerMetrics(measured: Measured, metrics: Metrics, broker: Lanes): Promise<string> {
  const all = await renderMetrics(measured, metrics, broker);
  const { ahead } = await measured.app.foresight.view(patienceMs, { fresh: false });
  return `${all}${ownerLines(ahead?.owners ?? [])}`;
}
