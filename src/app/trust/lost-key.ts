// What an operator says of the key of a root: that nobody has it any more, or that it was found. What goes on without it, and until when,
// is told from then on.
import { type RootLoss, rootLoss } from '../../domain/root-loss.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import type { LostKeyView } from '../views/trust-exposure.ts';
import { type IssuingPolicyContext, issuingMeans } from './issuing-policy.ts';
import { dropMark, putMark, readMarks } from './root-marks.ts';

export type LostKeyContext = IssuingPolicyContext & Pick<Context, 'store' | 'clock' | 'roots'>;

const conflict = (fault: string): OperationError => new OperationError('conflict', [fault]);
const iso = (instant: number | null): string => (instant === null ? '-' : new Date(instant).toISOString());

async function rootNumbered({ store }: Pick<Context, 'store'>, number: number | undefined): Promise<KeptRoot> {
  const living = (await store.read.rootSlots()).filter(({ state }) => state === 'current' || state === 'former');
  const found = living.find((root) => (number === undefined ? root.state === 'current' : root.number === number));
  if (found) return found;
  throw new OperationError('not_found', [`root ${number ?? ''} is neither the current nor the former one`]);
}

/** What is left to do, as a sentence with the command. */
function leftOf({ spare, worksUntil }: RootLoss): string {
  const by = `before ${iso(worksUntil)}`;
  switch (spare) {
    case 'retiring':
      return 'its key is not needed: another root has followed it';
    case 'announced':
      return `its key is not needed: the next root was named before; activate it ${by}: nolapse trust activate root`;
    case 'prepared':
      return `its key is not needed: the next root was named before; announce it now: nolapse trust distribute root`;
    case 'none':
      return `devices cannot be told of another root: prepare one, and bring it to each ${by}: nolapse trust prepare root`;
  }
}

/** The roots in use whose keys are lost, with what goes on and what is left to do. */
export async function lostKeys(app: LostKeyContext): Promise<LostKeyView[]> {
  const { read } = app.store;
  const slots = await read.rootSlots();
  const lost = (await readMarks(read)).filter(({ kind }) => kind === 'key_lost').map(({ root }) => root);
  const inUse = slots.filter(({ number, state }) => {
    return lost.includes(number) && (state === 'current' || state === 'former');
  });
  if (inUse.length === 0) return [];
  const issuing = await read.issuingSlots();
  return inUse.map((root) => {
    const loss = rootLoss(slots, root, issuing, issuingMeans(app, root.number));
    return { ...loss, left: leftOf(loss) };
  });
}

/** Takes down that the key of a root is lost. Twice is once. Rejects with `conflict` where it is in the home, `not_found` for another root. */
export async function loseRootKey(app: LostKeyContext & Changing, number: number | undefined): Promise<LostKeyView> {
  const root = await rootNumbered(app, number);
  if (app.roots.hasKey(root.number)) throw conflict(`the key of root ${root.number} is in the home`);
  await change(app, async ({ tx, record, now }) => {
    if (!(await putMark(tx, { root: root.number, kind: 'key_lost', at: now }))) return;
    await record({
      action: 'trust.key_lost',
      message: `root ${root.number}: its key is lost`,
      fields: { 'nolapse.root': root.number, 'nolapse.root.hash.sha256': root.fingerprint },
    });
  });
  const view = (await lostKeys(app)).find((each) => each.root === root.number);
  if (!view) throw conflict(`root ${root.number} is not in use`);
  return view;
}

/** Takes it back. Rejects with `conflict` where it was not said to be lost. */
export async function findRootKey(app: LostKeyContext & Changing, number: number | undefined): Promise<KeptRoot> {
  const root = await rootNumbered(app, number);
  const isFound = await change(app, async ({ tx, record }) => {
    if (!(await dropMark(tx, { root: root.number, kind: 'key_lost' }))) return false;
    await record({
      action: 'trust.key_found',
      message: `root ${root.number}: its key was found`,
      fields: { 'nolapse.root': root.number, 'nolapse.root.hash.sha256': root.fingerprint },
    });
    return true;
  });
  if (!isFound) throw conflict(`nobody said that the key of root ${root.number} is lost`);
  return root;
}
