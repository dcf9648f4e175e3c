// What all steps of a root have in common: what they work with, and the line in the journal.
import type { Fingerprint } from '../../domain/certificate.ts';
import { NolapseError } from '../../domain/errors.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import type { Change, Changing } from '../change.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import type { WithTurns } from '../turns.ts';
import { voidAskedRoot } from './asked-root.ts';
import type { OneAtATime } from './one-at-a-time.ts';

export type RootStepsContext = Changing &
  Pick<Context, 'roots' | 'issuing' | 'settings' | 'served' | 'nextPort'> &
  WithTurns & { readonly steps: OneAtATime; readonly crls: { poke(): void } };

export const conflict = (fault: string): OperationError => new OperationError('conflict', [fault]);
export const iso = (instant: number): string => new Date(instant).toISOString();

/** Records a step that is taken with this change. Whatever was asked for is void by it. */
export async function recordStep(
  { record, tx }: Change,
  action:
    | 'trust.prepared'
    | 'trust.awaited'
    | 'trust.distributed'
    | 'trust.activated'
    | 'trust.retired'
    | 'trust.aborted',
  root: { readonly number: number; readonly fingerprint: Fingerprint | null },
  said: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await voidAskedRoot(tx);
  const hash = root.fingerprint && { 'nolapse.root.hash.sha256': root.fingerprint };
  await record({
    action,
    message: `root ${root.number}: ${said}`,
    fields: { 'nolapse.root': root.number, ...hash, ...more },
  });
}

/** A slot as it is after a step. @throws RangeError where there is none of this number. */
export function slotOf(slots: readonly KeptRoot[], number: number): KeptRoot {
  const found = slots.find((each) => each.number === number);
  if (!found) throw new RangeError(`there is no root ${number}`);
  return found;
}

/** Does what may fail for a reason that an operator can act on, such as a port or a key that cannot be had. Rejects with `conflict` then. */
export async function orConflict(work: () => Promise<void> | void): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof NolapseError) throw conflict(error.message);
    throw error;
  }
}
