// The key of a root is in wrong hands. The root cannot undo a spare that devices hold already: the spare comes first at once and drops the
// older ones, by a step that was signed when it was made. Who has no spare goes on under the old root until somebody goes there.
import { currentRoot, inState } from '../../domain/root-slots.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import { change } from '../change.ts';
import { putStep } from '../enrollment/release-step.ts';
import { OperationError } from '../operation-error.ts';
import type { CompromisedRootView } from '../views/trust-exposure.ts';
import { makeCurrent } from './activate-root.ts';
import { askRoot } from './approve-root.ts';
import { type AskedRootStep, readAskedRoot, releasedStep, voidAskedRoot } from './asked-root.ts';
import { distributeRoot } from './distribute-root.ts';
import { dropAtHand, dropOf, keptDrop } from './drop-step.ts';
import { attempted, beginLeaving, leftOfRollover, nothingBegun } from './hasten-root.ts';
import { putMark } from './root-marks.ts';
import { conflict, type RootStepsContext } from './root-step.ts';

const noDrop = 'the step in which the new root drops the older ones is not signed';

async function rootInUse({ store }: RootStepsContext, number: number | undefined): Promise<KeptRoot> {
  const slots = await store.read.rootSlots();
  const found = number === undefined ? currentRoot(slots) : slots.find((root) => root.number === number);
  if (!found) throw new OperationError('not_found', [`there is no root ${number}`]);
  if (found.state === 'next') {
    const how = found.distributedAt === null ? '' : ' --withdrawal FILE';
    throw conflict(`root ${found.number} is the next one: nolapse trust abort root${how}`);
  }
  if (found.state === 'aborted') throw conflict(`root ${found.number} was given up`);
  return found;
}

async function mark(app: RootStepsContext, root: KeptRoot): Promise<void> {
  await change(app, async ({ tx, record, now }) => {
    await voidAskedRoot(tx);
    if (!(await putMark(tx, { root: root.number, kind: 'compromised', at: now }))) return;
    await record({
      action: 'trust.compromised',
      message: `root ${root.number}: its key is in wrong hands`,
      fields: { 'nolapse.root': root.number, 'nolapse.root.hash.sha256': root.fingerprint },
    });
  });
}

/** Has the spare come first, whoever has proved it: the first port goes on with the root before. */
async function takeSpare(app: RootStepsContext, root: KeptRoot, left: string[]): Promise<void> {
  const next = inState(await app.store.read.rootSlots(), 'next');
  if (root.state !== 'current' || !next) return;
  if (next.distributedAt === null && (await attempted(() => distributeRoot(app), left)) === null) return;
  await app.steps.run(async () => {
    const spare = inState(await app.store.read.rootSlots(), 'next');
    if (!spare) return;
    // Without it devices could not be told to give up the old one.
    if (!(await dropAtHand(app, spare))) left.push(noDrop);
    else await makeCurrent(app, spare, `, since root ${root.number} is compromised`, {});
  });
}

/** Tells devices to give up the roots before the current one, though the one before is still served. */
async function announceDrop(app: RootStepsContext, root: KeptRoot, left: string[]): Promise<void> {
  await app.steps.run(async () => {
    const current = currentRoot(await app.store.read.rootSlots());
    if (current.number <= root.number) return;
    const drop = await dropAtHand(app, current);
    if (!drop) {
      left.push(noDrop);
      return;
    }
    const kept = (await app.store.read.trustSteps()).find(({ sequence }) => sequence === dropOf(current).sequence);
    if (kept && kept.announcedFrom !== null) return;
    await change(app, (within) => {
      const times = { madeAt: kept?.madeAt ?? current.preparedAt, announcedFrom: within.now };
      return putStep(within, keptDrop(current, drop, times), drop);
    });
  });
}

async function carryOut(app: RootStepsContext, root: KeptRoot, passphrase: string): Promise<CompromisedRootView> {
  const left: string[] = [];
  await mark(app, root);
  await takeSpare(app, root, left);
  await announceDrop(app, root, left);
  const current = currentRoot(await app.store.read.rootSlots()).number;
  const begun = current === root.number ? await beginLeaving(app, passphrase, left) : nothingBegun;
  return { root: root.number, current, ...begun, left: await leftOfRollover(app, left) };
}

export interface Compromised {
  /** Absent: the current one. */
  readonly root?: number | undefined;
  /** Seals the withdrawal of a root that is made now. */
  readonly passphrase: string;
  /** The release of what was asked for: sequence and SHA-256 as they were printed. */
  readonly release?: { readonly sequence: number; readonly sha256: string } | undefined;
}

/** What is asked for: the drop that is announced by it, where there is a spare. */
async function named(app: RootStepsContext, root: KeptRoot): Promise<AskedRootStep> {
  const slots = await app.store.read.rootSlots();
  const spare = inState(slots, 'next') ?? (root.state === 'current' ? null : currentRoot(slots));
  const sequence = spare?.sequence ? dropOf(spare).sequence : (root.sequence ?? 1);
  return { step: 'compromised', sequence, root: root.fingerprint };
}

/**
 * Takes down that a root is compromised, and leaves it as far as that can be done here. Twice is once.
 * @returns rejects with `not_found` and `conflict` where it is no root in use, or another step was asked for than is released.
 */
export async function compromiseRoot(
  app: RootStepsContext,
  { root: number, passphrase, release }: Compromised,
): Promise<{ readonly done: CompromisedRootView } | Awaited<ReturnType<typeof asked>>> {
  if (release) {
    const fingerprint = release.sha256.replaceAll(':', '').toLowerCase() as AskedRootStep['root'];
    const step = { step: 'compromised', sequence: release.sequence, root: fingerprint } as const;
    releasedStep(await readAskedRoot(app.store.read), step);
    const found = (await app.store.read.rootSlots()).find((each) => each.fingerprint === fingerprint);
    return { done: await carryOut(app, await rootInUse(app, found?.number), passphrase) };
  }
  const root = await rootInUse(app, number);
  if (app.settings.trust.approval.root === 'required') return asked(app, root);
  return { done: await carryOut(app, root, passphrase) };
}

async function asked(app: RootStepsContext, root: KeptRoot) {
  return { asked: await askRoot(app, await named(app, root)) };
}
