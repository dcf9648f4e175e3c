// Ends the former root: once nobody depends on it, both ports show the present root's chain, and devices are told to drop the older ones.
import { ended, type IssuingSlot } from '../../domain/issuing-slots.ts';
import {
  afterRootStep,
  currentRoot,
  inState,
  type RootObjection,
  rootObjections,
  rootPolicyDefault,
  shouldRetire,
} from '../../domain/root-slots.ts';
import type { Instant } from '../../domain/time.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import { change } from '../change.ts';
import { putStep } from '../enrollment/release-step.ts';
import { OperationError } from '../operation-error.ts';
import { acceptedFields, acceptedWords, listOf, type Unproved, unprovedFaults, unprovedOf } from './accepted-rest.ts';
import { dropAtHand, keptDrop } from './drop-step.ts';
import { portsFollow } from './ports-meant.ts';
import { conflict, type RootStepsContext, recordStep, slotOf } from './root-step.ts';

interface Ready {
  readonly former: KeptRoot;
  readonly current: KeptRoot;
  /** The step in which the present root drops the older ones. */
  readonly drop: Uint8Array;
}

function faultsOf(objections: readonly RootObjection[], unproved: Unproved): string[] {
  return objections.flatMap((objection) =>
    objection === 'on_old_port' ? unprovedFaults(rootObjections.on_old_port, unproved) : [rootObjections[objection]],
  );
}

/** Who came over the former root's port and is connected now, though everybody has been seen on the other one since. */
function stillConnected(app: RootStepsContext, former: KeptRoot, accepted: ReadonlySet<string>): string[] {
  const sessions = app.nextPort.sessionsUnder(former.number);
  if (sessions === 0 || accepted.size > 0 || former.notAfter <= app.clock.now()) return [];
  return [`connected over the port of root ${former.number} now: ${sessions}`];
}

/**
 * The former root, if it may be retired now. Rejects with `conflict` and who stands in the way: whoever connected last on its port, or
 * never. Once it has ended, nobody does: no device verifies it any more.
 */
export async function readyToRetire(app: RootStepsContext, accepted: ReadonlySet<string>): Promise<Ready> {
  const roots = await app.store.read.rootSlots();
  const [former, current] = [inState(roots, 'former'), currentRoot(roots)];
  if (!former) throw conflict(rootObjections.no_former);
  const onOldPort = await unprovedOf(app, current.number, accepted);
  const { objections } = shouldRetire(roots, rootPolicyDefault, { onOldPort }, app.clock.now());
  const drop = await dropAtHand(app, current);
  const faults = [
    ...faultsOf(objections, onOldPort),
    ...stillConnected(app, former, accepted),
    ...(drop
      ? []
      : [`${rootObjections.no_drop}: nolapse trust prepare root --request FILE, then nolapse trust install FILE`]),
  ];
  if (faults.length > 0 || !drop) throw new OperationError('conflict', faults);
  return { former, current, drop };
}

/** An issuing CA below a root that is over: it signs its lists as long as its certificates are in use, and one that is prepared is given up. */
function below(slot: IssuingSlot, now: Instant): IssuingSlot | null {
  if (slot.state === 'current') return { ...slot, state: 'former', replacedAt: now };
  return slot.state === 'next' ? ended(slot, 'aborted', now) : null;
}

/** @returns the root that was retired. Rejects with `conflict` as {@link readyToRetire}. */
export function retireRoot(app: RootStepsContext, accepted: ReadonlySet<string>): Promise<KeptRoot> {
  return app.steps.run(async () => {
    const { former, current, drop } = await readyToRetire(app, accepted);
    const issuing = (await app.store.read.issuingSlots()).filter(({ root }) => root === former.number);
    const list = listOf(accepted);
    const retired = await change(app, async (within) => {
      const { tx, now } = within;
      const after = { ...slotOf(afterRootStep(await tx.rootSlots(), 'retire', now), former.number), endedAt: now };
      await tx.putRootSlot(after);
      for (const slot of issuing) {
        const changed = below(slot, now);
        if (changed) await tx.putIssuingSlot(changed);
      }
      await putStep(within, keptDrop(current, drop, { madeAt: current.preparedAt, announcedFrom: now }), drop);
      await recordStep(
        within,
        'trust.retired',
        after,
        `both ports show root ${current.number} from now on${acceptedWords(list)}`,
        acceptedFields(list),
      );
      return after;
    });
    await portsFollow(app);
    app.crls.poke();
    for (const slot of issuing) if (slot.state === 'next') app.issuing.forget(slot.number);
    return retired;
  });
}
