// Begins to leave a root that is not to be trusted, as far as approvals, ports and keys allow, and says what is left to do.
import { inState } from '../../domain/root-slots.ts';
import { OperationError } from '../operation-error.ts';
import type { AskedRootView, PreparedRootView } from '../views/trust-roots.ts';
import { askOrPrepareRoot } from './approve-root.ts';
import { readAwaited } from './awaited-root.ts';
import type { RootStepsContext } from './root-step.ts';
import { rootsDue } from './root-watch.ts';

export interface Begun {
  /** A next root that was made now, or what is to be signed elsewhere for it. */
  readonly prepared: PreparedRootView | null;
  /** The step that waits for a release. */
  readonly asked: AskedRootView | null;
}

export const nothingBegun: Begun = { prepared: null, asked: null };

/** What stands in the way is no failure: it is left to do. Other errors are. */
export async function attempted<T>(work: () => Promise<T>, left: string[]): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof OperationError) || error.code !== 'conflict') throw error;
    left.push(...error.faults);
    return null;
  }
}

/** Prepares the next root, if there is none. @param passphrase seals its withdrawal. */
export async function beginLeaving(app: RootStepsContext, passphrase: string, left: string[]): Promise<Begun> {
  const { read } = app.store;
  const slots = await read.rootSlots();
  if (inState(slots, 'next') || inState(slots, 'former') || (await readAwaited(read))) return nothingBegun;
  const current = inState(slots, 'current');
  const preparation = current && app.roots.hasKey(current.number) ? 'here' : 'signed_elsewhere';
  const begun = await attempted(() => askOrPrepareRoot(app, { preparation, passphrase }), left);
  if (!begun) return nothingBegun;
  return 'asked' in begun ? { ...nothingBegun, asked: begun.asked } : { ...nothingBegun, prepared: begun.done };
}

/** The next step of the rollover, with its command; what was pushed already is not said twice. */
export async function leftOfRollover(app: RootStepsContext, left: readonly string[]): Promise<string[]> {
  const { due } = await rootsDue(app);
  return due && !left.includes(due.detail) ? [...left, due.detail] : [...left];
}
