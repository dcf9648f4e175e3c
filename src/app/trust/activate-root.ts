// Has the next root come first: for new devices, for packages and hints, and for certificates, which the issuing CA below it signs. The
// root before is former from then on, and the first port goes on showing it.
import { inService, slotIn } from '../../domain/issuing-slots.ts';
import { completeListOf } from '../../domain/revocation-list.ts';
import {
  afterRootStep,
  currentRoot,
  inState,
  rootObjections,
  rootPolicyDefault,
  shouldActivate,
} from '../../domain/root-slots.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import { change } from '../change.ts';
import { OperationError } from '../operation-error.ts';
import { acceptedFields, acceptedWords, listOf, unprovedFaults, unprovedOf } from './accepted-rest.ts';
import { portsFollow } from './ports-meant.ts';
import { conflict, orConflict, type RootStepsContext, recordStep, slotOf } from './root-step.ts';

/** The next root, if it may become current. Rejects with `conflict` and who stands in the way. */
export async function readyToActivate(app: RootStepsContext, accepted: ReadonlySet<string>): Promise<KeptRoot> {
  const roots = await app.store.read.rootSlots();
  const next = inState(roots, 'next');
  if (!next) throw conflict(rootObjections.no_next);
  const unproved = await unprovedOf(app, next.number, accepted);
  const { objections } = shouldActivate(roots, rootPolicyDefault, { unproved }, app.clock.now());
  if (objections.length === 0) return next;
  throw new OperationError(
    'conflict',
    objections.flatMap((objection) =>
      objection === 'unproved' ? unprovedFaults(rootObjections.unproved, unproved) : [rootObjections[objection]],
    ),
  );
}

/** The root that became current before, if that is all that was done since: done again, the step changes nothing. */
export function wasActivated(roots: readonly KeptRoot[]): KeptRoot | null {
  return inState(roots, 'next') === null && inState(roots, 'former') !== null ? currentRoot(roots) : null;
}

/** @returns the root that is current now. Rejects with `conflict` as {@link readyToActivate}, or where its issuing CA cannot sign. */
export function activateRoot(app: RootStepsContext, accepted: ReadonlySet<string>): Promise<KeptRoot> {
  return app.steps.run(async () => {
    const { read } = app.store;
    const done = wasActivated(await read.rootSlots());
    if (done) return done;
    const next = await readyToActivate(app, accepted);
    const list = listOf(accepted);
    return makeCurrent(app, next, acceptedWords(list), acceptedFields(list));
  });
}

/**
 * Has the next root come first, whoever has proved it: only within a step, by whoever has found that it may. @param why ends the sentence in
 * the journal. @returns rejects with `conflict` where its issuing CA cannot sign.
 */
export async function makeCurrent(
  app: RootStepsContext,
  next: KeptRoot,
  why: string,
  fields: Readonly<Record<string, unknown>>,
): Promise<KeptRoot> {
  const { read } = app.store;
  const after = afterRootStep(await read.rootSlots(), 'activate', app.clock.now());
  const slots = await read.issuingSlots();
  const signing = slotIn(slots, 'current', next.number);
  if (!signing?.certificate) throw conflict(`root ${next.number} has no issuing CA below it`);
  await orConflict(() => app.issuing.check(inService(slots, after)));
  const activated = await change(app, async (within) => {
    const { tx, now } = within;
    const changed = afterRootStep(await tx.rootSlots(), 'activate', now);
    const former = inState(changed, 'former');
    // Before the other one, which takes its slot.
    if (former) await tx.putRootSlot(former);
    await tx.putRootSlot(slotOf(changed, next.number));
    const shard = completeListOf(signing.number);
    if (!(await tx.revocationList(shard))) {
      await tx.openRevocationList({ shard, issuer: signing.number, url: null });
    }
    await recordStep(within, 'trust.activated', next, `current from now on${why}`, fields);
    return currentRoot(changed);
  });
  await portsFollow(app);
  app.crls.poke();
  return activated;
}
