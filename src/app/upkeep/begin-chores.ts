// Begins what is due of the long work: each source at its own pace, and the look over the fleet. One thing at a time, so that long
// work leaves the store to devices most of the time.
import { sourceActor } from '../../domain/actor.ts';
import type { Instant } from '../../domain/time.ts';
import { actingAs } from '../acting.ts';
import type { WithChores } from '../chores.ts';
import type { Context } from '../context.ts';
import { type ReconcileContext, reconcile } from '../inventory/reconcile.ts';
import { sourceState } from '../inventory/source-state.ts';
import { OperationError } from '../operation-error.ts';
import { type LookOverContext, lookedOverAt, lookOver, lookTookMs } from '../oversight/look-over.ts';
import { mustReplan, type ReplanContext, replan } from '../oversight/replan.ts';
import {
  type ChooseControlsContext,
  chooseControls,
  chooseControlsEveryMs,
  controlsChosenAt,
} from '../trust/choose-controls.ts';

export type BeginChoresContext = ReconcileContext & LookOverContext & ReplanContext & ChooseControlsContext;

/** What is not well is tried again after this, or sooner where it is done more often. */
const againMs = 300_000;

const replanning = 'the calculation of due dates';
const lookingOver = 'the check of the fleet';
const choosing = 'the choice of controls';

/**
 * Begins at most one thing, and does not wait for it. Due dates that changed policies move wait for nothing: a source may take an hour,
 * and by then a device may have been there.
 */
export async function beginChores(app: BeginChoresContext): Promise<void> {
  if (!app.chores.isResting(replanning, app.clock.steady()) && (await mustReplan(app))) {
    const run = app.chores.begin(replanning, (signal) => replan(app, signal));
    if (run) watch(app, replanning, againMs, run);
  }
  if (app.chores.busy) return;
  const due = (await choresOf(app)).filter((each) => isDue(app, each));
  // Whose turn has been for longest: what is due at every beat keeps nothing else from its turn.
  const next = due.sort((one, other) => turnOf(one) - turnOf(other))[0];
  if (next) watch(app, next.name, next.everyMs, next.begin());
}

interface Chore {
  readonly name: string;
  readonly everyMs: number;
  /** Null: never. */
  readonly lastAt: Instant | null;
  /** From then to the next time: shorter where it did not go well. */
  readonly pauseMs: number;
  begin(): Promise<unknown>;
}

async function choresOf(app: BeginChoresContext): Promise<Chore[]> {
  const chores: Chore[] = [];
  for (const [name, { everyMs }] of app.settings.sources) {
    const state = await sourceState(app.store.read, name);
    const pauseMs = state?.outcome === 'good' ? everyMs : Math.min(everyMs, againMs);
    const begin = () => reconcile(actingAs(app, sourceActor(name)), { source: name, limit: 0 });
    chores.push({ name, everyMs, lastAt: state?.at ?? null, pauseMs, begin });
  }
  const { lookOverMs } = app.settings;
  const lastAt = await lookedOverAt(app);
  chores.push({ name: lookingOver, everyMs: lookOverMs, lastAt, pauseMs: lookOverMs, begin: () => lookOverNow(app) });
  if (app.settings.trust.controlPort !== null) {
    const [everyMs, chosenAt] = [chooseControlsEveryMs, await controlsChosenAt(app)];
    const begin = () => app.chores.begin(choosing, (signal) => chooseControls(app, signal)) ?? Promise.resolve();
    chores.push({ name: choosing, everyMs, lastAt: chosenAt, pauseMs: everyMs, begin });
  }
  return chores;
}

const turnOf = ({ lastAt, pauseMs }: Chore): number => (lastAt === null ? 0 : lastAt + pauseMs);

/** Looks the fleet over, after the look that is under way if there is one. Rejects with `conflict` while the broker stops. */
export async function lookOverNow(app: BeginChoresContext): Promise<Readonly<Record<string, number>>> {
  await app.chores.ended(lookingOver);
  const run = app.chores.begin(lookingOver, (signal) => lookOver(app, signal));
  if (!run) throw new OperationError('conflict', ['the fleet is being checked already, or the gateway is stopping']);
  return run;
}

/** A look that took longer than this is not made for whoever lists findings. */
const cheapMs = 5_000;
/** The first look is waited for as long. */
const patienceMs = 10_000;

/** Looks the fleet over for whoever lists findings, unless that takes too long; then they are as the last look left them. */
export async function lookOverIfCheap(app: BeginChoresContext): Promise<void> {
  if (((await lookTookMs(app)) ?? 0) > cheapMs) return;
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patienceMs);
  });
  // It is under way, the broker stops or the ledger takes no writes: what there is is shown.
  const look = lookOverNow(app).catch(() => undefined);
  await Promise.race([look, patience]);
  clearTimeout(timer);
}

/** `lastAt` may lie ahead: the clock was set back. */
function isDue(app: Pick<Context, 'clock'> & WithChores, { name, lastAt, pauseMs }: Chore): boolean {
  const now = app.clock.now();
  const isTime = lastAt === null || now >= lastAt + pauseMs || now < lastAt;
  return isTime && !app.chores.isResting(name, app.clock.steady());
}

/** What a source does wrong is told by whoever reads it, and remembered; the rest is ours, and not tried again at every beat. */
function watch(
  app: Pick<Context, 'clock' | 'decisions'> & WithChores,
  name: string,
  everyMs: number,
  work: Promise<unknown>,
): void {
  work.catch((error: unknown) => {
    if (error instanceof OperationError) return;
    app.chores.rest(name, app.clock.steady() + Math.min(everyMs, againMs));
    app.decisions.tell({
      action: 'chore.failed',
      message: `${name}was interrupted, and will be tried again`,
      fields: { 'error.message': error instanceof Error ? error.message : String(error) },
    });
  });
}
