// The heartbeat: runs the sweep, writes what was seen and pokes the outbox at a steady pace, and less often looks after the
// broker's own deadlines. One run at a time; a failure is told and the next beat tries again.

import type { ServedRoots } from '../../ports/served-roots.ts';
import type { Contests } from '../admission/contests.ts';
import type { Disconnections } from '../admission/disconnections.ts';
import type { Knocks } from '../admission/knocks.ts';
import type { Presences } from '../admission/presences.ts';
import type { RootChanges } from '../admission/root-changes.ts';
import type { Seen } from '../admission/seen.ts';
import type { TroubledAddresses } from '../admission/troubled-addresses.ts';
import { ClockWatch } from '../clock-watch.ts';
import type { Context } from '../context.ts';
import type { WithRefusals } from '../enrollment/refusals.ts';
import { clockMoved } from '../oversight/clock-moved.ts';
import type { LedgerRefusals } from '../oversight/ledger-refusals.ts';
import type { Notifier } from '../oversight/notifier.ts';
import { alertOwn } from '../oversight/own-certificates.ts';
import { settleAlerts } from '../oversight/settle-alerts.ts';
import type { MachineWatch } from '../oversight/watch-machine.ts';
import { type WalkCampaignsContext, walkCampaigns } from '../rollout/walk-campaigns.ts';
import { type CrossContext, lookAfterCross } from '../trust/cross.ts';
import type { IssuingWatch } from '../trust/issuing-watch.ts';
import type { OwnContext } from '../trust/own-deadlines.ts';
import { type RootListsContext, refreshRootLists } from '../trust/root-lists.ts';
import type { RootWatch } from '../trust/root-watch.ts';
import type { UnprovedWatch } from '../trust/unproved-watch.ts';
import { attempt } from './attempt.ts';
import { type BeginChoresContext, beginChores } from './begin-chores.ts';
import { forgetJournal } from './forget-journal.ts';
import type { Outbox } from './outbox.ts';
import type { RevocationLists } from './revocation-lists.ts';
import { type SweepContext, sweep } from './sweep.ts';

type MaintenanceContext = SweepContext &
  Pick<Context, 'served'> &
  WalkCampaignsContext &
  BeginChoresContext &
  RootListsContext &
  CrossContext &
  OwnContext &
  WithRefusals & {
    readonly knocks: Knocks;
    readonly rootChanges: RootChanges;
    readonly troubledAddresses: TroubledAddresses;
    readonly disconnections: Disconnections;
    readonly contests: Contests;
    readonly crls: RevocationLists;
    readonly presences: Presences;
  };

/** How often the broker's own deadlines are looked at: CRL, server certificate. And at once when the clock was set. */
const ownDeadlinesMs = 30_000;

/** How long after the last good sweep another one must have ended. */
const sweepLateMs = 60_000;

export interface Maintenance {
  /** Has a sweep been finished lately? */
  readonly isWell: boolean;
  /** Stops after the beat under way. */
  stop(): Promise<void>;
}

/** Whose chain each port shows, looked after. */
export interface ServedAlways extends ServedRoots {
  /** Has the certificates made anew that have little time left. */
  renew(): Promise<void>;
  /** Has the ports follow where the time alone has changed what they should show. */
  look(): Promise<void>;
}

export interface MaintenanceParts {
  readonly app: MaintenanceContext;
  readonly outbox: Outbox;
  readonly notifier: Notifier;
  readonly seen: Seen;
  readonly refusals: LedgerRefusals;
  readonly machine: MachineWatch;
  readonly issuing: IssuingWatch;
  readonly roots: RootWatch;
  readonly unproved: UnprovedWatch;
  readonly intervalMs: number;
  readonly served: ServedAlways;
}

/** What is gathered in memory about connects, in the order in which it is written. */
const gathered: readonly (readonly [what: string, flush: (app: MaintenanceContext) => Promise<void>])[] = [
  ['who changes between roots', ({ rootChanges }) => rootChanges.flush()],
  ['who was refused', ({ knocks }) => knocks.flush()],
  ['the alerts about refused connections', ({ troubledAddresses }) => troubledAddresses.flush()],
  ['the alerts about repeated disconnections', ({ disconnections }) => disconnections.flush()],
  ['the alerts about contested credentials', ({ contests }) => contests.flush()],
];

export function startMaintenance(parts: MaintenanceParts): Maintenance {
  const { app, outbox, notifier, seen, refusals, machine, issuing, roots, unproved, intervalMs, served } = parts;
  const watch = new ClockWatch(app.clock);
  let stopped = false;
  let ownAt = Number.NEGATIVE_INFINITY;
  let sweptAt = app.clock.steady();
  let timer: NodeJS.Timeout | undefined;
  let beating: Promise<void> = Promise.resolve();

  const isTimeForOwn = (isClockMoved: boolean): boolean => {
    if (!isClockMoved && app.clock.steady() < ownAt + ownDeadlinesMs) return false;
    ownAt = app.clock.steady();
    return true;
  };
  const beat = async (): Promise<void> => {
    // Before anything follows from the time: somebody is alerted first.
    const movedMs = watch.moved();
    if (movedMs !== 0) await attempt(app, 'could not raise the clock alert', () => clockMoved(app, movedMs));
    await attempt(app, 'could not record which devices are here', () => app.presences.flush());
    await attempt(app, 'could not record what was refused', () => app.refusals.flush());
    await attempt(app, 'a sweep failed', async () => {
      await seen.flush();
      await sweep(app);
      await walkCampaigns(app);
      outbox.poke();
      notifier.poke();
      sweptAt = app.clock.steady();
    });
    await attempt(app, 'could not wipe what was deleted from the disk', () => app.store.scrub());
    for (const [what, flush] of gathered) await attempt(app, `could not record ${what}`, () => flush(app));
    await attempt(app, 'could not update the alerts about the machine', () => machine.look());
    await attempt(app, 'a step of an issuing CA failed', () => issuing.look());
    await attempt(app, 'could not drop a cross certificate', () => lookAfterCross(app));
    await attempt(app, 'could not have the ports follow the roots', () => served.look());
    await attempt(app, 'could not report who will not have proved the next root', () => unproved.look());
    await attempt(app, 'could not begin work in the background', () => beginChores(app));
    const isTime = isTimeForOwn(movedMs !== 0);
    if (isTime || !app.store.isWell) await attempt(app, 'the ledger took no write', () => app.store.probe());
    await attempt(app, 'could not report that the ledger takes writes again', () => refusals.look());
    if (!isTime) return;
    await attempt(app, 'could not refresh the revocation lists', () => app.crls.refreshed());
    await attempt(app, 'could not refresh the revocation lists of the roots', () => refreshRootLists(app));
    await attempt(app, 'could not delete old lines of the journal', () => forgetJournal(app));
    await attempt(app, 'could not report what is to be done about the roots', () => roots.look());
    await attempt(app, 'could not clear the alerts that are over', () => settleAlerts(app));
    await attempt(app, 'could not report who can reach into the home', () => machine.lookAtHome());
    await attempt(app, 'could not check the server certificate', () => served.renew());
    await attempt(app, "could not check the gateway's own certificates", () => alertOwn(app, served.first.certificate));
  };
  const schedule = (): void => {
    if (stopped) return;
    timer = setTimeout(() => {
      beating = beat().finally(schedule);
    }, intervalMs);
  };
  schedule();
  return {
    get isWell() {
      return app.clock.steady() < sweptAt + intervalMs + sweepLateMs;
    },
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await beating;
      await seen.flush();
    },
  };
}
