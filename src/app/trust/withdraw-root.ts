// Gives up a next root that devices were told of: it withdraws itself, by what was sealed when it was made. Its port stays until the last
// that connected there has left.
import { ended, isLiving } from '../../domain/issuing-slots.ts';
import { afterRootStep, inState, rootObjections } from '../../domain/root-slots.ts';
import { dropSequence, stepSequenceMax } from '../../domain/trust-step.ts';
import type { KeptStep } from '../../domain/trust-told.ts';
import type { GivenWithdrawal } from '../../ports/root-cas.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import { change } from '../change.ts';
import { putStep } from '../enrollment/release-step.ts';
import { OperationError } from '../operation-error.ts';
import { portsFollow } from './ports-meant.ts';
import { conflict, type RootStepsContext, recordStep, slotOf } from './root-step.ts';

/** A withdrawal that may be announced. */
interface Ready {
  readonly next: KeptRoot;
  readonly sequence: number;
  readonly step: Uint8Array;
}

function objectToSequence(next: KeptRoot, sequence: number): string | null {
  const least = dropSequence(next.sequence ?? 0) + 1;
  if (sequence >= least && sequence <= stepSequenceMax) return null;
  return `has the sequence ${sequence}, and devices take none below ${least} of this root`;
}

/** The withdrawal of the next root, opened and checked. Rejects with `invalid` where it does not fit, `conflict` where none is needed. */
export async function readyToWithdraw(app: RootStepsContext, given: GivenWithdrawal): Promise<Ready> {
  const roots = await app.store.read.rootSlots();
  const next = inState(roots, 'next');
  if (!next) throw conflict(rootObjections.no_next);
  if (next.distributedAt === null) {
    throw conflict(`nobody was told of root ${next.number}: nolapse trust abort root, without its withdrawal`);
  }
  const opened = await app.roots.openWithdrawal(next.number, given);
  if ('faults' in opened) throw new OperationError('invalid', opened.faults);
  const objection = objectToSequence(next, opened.sequence);
  if (objection !== null) throw new OperationError('invalid', [`${given.name}: ${objection}`]);
  return { next, ...opened };
}

/** As it is announced. What is trusted again is on the first port. */
function withdrawalStep(app: RootStepsContext, { next, sequence, step }: Ready, now: number): KeptStep {
  const port = app.settings.address.port || (app.settings.mqttNextPort ?? 1);
  const { number, notAfter: keptUntil } = next;
  return {
    sequence,
    kind: 'withdraw',
    signer: number,
    named: number,
    size: step.length,
    port,
    madeAt: now,
    announcedFrom: now,
    keptUntil,
  };
}

/** @returns the root that was given up. Rejects as {@link readyToWithdraw}. */
export function withdrawRoot(app: RootStepsContext, given: GivenWithdrawal): Promise<KeptRoot> {
  return app.steps.run(async () => {
    const ready = await readyToWithdraw(app, given);
    const aborted = await change(app, async (within) => {
      const { tx, now } = within;
      const after = { ...slotOf(afterRootStep(await tx.rootSlots(), 'abort', now), ready.next.number), endedAt: now };
      await tx.putRootSlot(after);
      await putStep(within, withdrawalStep(app, ready, now), ready.step);
      await recordStep(within, 'trust.aborted', after, `withdrawn, sequence ${ready.sequence}`);
      return after;
    });
    await portsFollow(app);
    return aborted;
  });
}

/** Takes away what aborted roots have left, once their port is free: called before the next root is made. */
export async function forgetLeft(app: RootStepsContext, roots: readonly KeptRoot[]): Promise<void> {
  const aborted = roots.filter(({ state }) => state === 'aborted').map(({ number }) => number);
  const left = (await app.store.read.issuingSlots()).filter((slot) => aborted.includes(slot.root) && isLiving(slot));
  if (left.length === 0) return;
  await change(app, async ({ tx, now }) => {
    for (const slot of left) await tx.putIssuingSlot(ended(slot, 'aborted', now));
  });
  for (const { number } of left) app.issuing.forget(number);
  for (const number of new Set(left.map(({ root }) => root))) app.roots.forget(number);
}
