// The step in which a root drops the older ones: signed when the root is made, with its key, and kept until the root before is retired.
// So no root's key is needed then.
import { inState } from '../../domain/root-slots.ts';
import type { Instant } from '../../domain/time.ts';
import { dropSequence } from '../../domain/trust-step.ts';
import type { KeptStep } from '../../domain/trust-told.ts';
import type { GivenFile } from '../../ports/issuing-cas.ts';
import type { DropStep } from '../../ports/root-cas.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import type { Reader } from '../../ports/store.ts';
import { change } from '../change.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import { voidAskedRoot } from './asked-root.ts';
import type { RootStepsContext } from './root-step.ts';

/** Of a root that another one has named. */
export function dropOf({ number, sequence }: Pick<KeptRoot, 'number' | 'sequence'>): DropStep {
  if (sequence === null) throw new RangeError(`root ${number} is named by no other, and drops none`);
  return { root: number, sequence: dropSequence(sequence) };
}

/** As it is kept. Whoever connects under the root is told of it as long as that lives: also who holds an older one that has ended. */
export function keptDrop(
  root: Pick<KeptRoot, 'number' | 'sequence' | 'port' | 'notAfter'>,
  bytes: Uint8Array,
  { madeAt, announcedFrom }: Pick<KeptStep, 'madeAt' | 'announcedFrom'>,
): KeptStep {
  return {
    sequence: dropOf(root).sequence,
    kind: 'drop',
    signer: root.number,
    named: root.number,
    size: bytes.length,
    port: root.port ?? 1,
    madeAt,
    announcedFrom,
    keptUntil: root.notAfter,
  };
}

/** The signed step of this root; null: it has not signed any. */
export async function signedDrop(read: Pick<Reader, 'trustStepBytes'>, root: KeptRoot): Promise<Uint8Array | null> {
  return read.trustStepBytes(dropOf(root).sequence);
}

/** The step as it is kept, or signed now where that was not done before; null: it is not, and the root's key is elsewhere. */
export async function dropAtHand(app: Pick<Context, 'store' | 'roots'>, root: KeptRoot): Promise<Uint8Array | null> {
  const signed = await signedDrop(app.store.read, root);
  return signed ?? (app.roots.hasKey(root.number) ? app.roots.signDrop(dropOf(root)) : null);
}

/** The root whose step is still to be signed elsewhere; null: there is none. */
export async function lacksDrop(app: Pick<Context, 'store' | 'roots'>): Promise<KeptRoot | null> {
  const roots = await app.store.read.rootSlots();
  const next = inState(roots, 'next') ?? (inState(roots, 'former') && inState(roots, 'current'));
  if (!next || next.sequence === null || app.roots.hasKey(next.number)) return null;
  return (await signedDrop(app.store.read, next)) ? null : next;
}

/** Takes the signature of the root over its step. Rejects with `invalid` and every fault by its file; then nothing has changed. */
export async function installDrop(
  app: RootStepsContext,
  root: KeptRoot,
  files: readonly GivenFile[],
): Promise<KeptRoot> {
  const taken = app.roots.takeDrop(dropOf(root), files);
  if ('faults' in taken) throw new OperationError('invalid', taken.faults);
  const madeAt: Instant = app.clock.now();
  await change(app, async ({ tx, record }) => {
    await tx.putTrustStep(keptDrop(root, taken.step, { madeAt, announcedFrom: null }), taken.step);
    await voidAskedRoot(tx);
    await record({
      action: 'trust.installed',
      message: `root ${root.number}: the step in which it drops older roots was signed elsewhere`,
      fields: { 'nolapse.root': root.number, 'nolapse.root.hash.sha256': root.fingerprint },
    });
  });
  return root;
}
