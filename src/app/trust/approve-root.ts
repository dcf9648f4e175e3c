// Steps of a root that an operator asks for: carried out at once, or written down until another command releases them.
import type { Fingerprint } from '../../domain/certificate.ts';
import type { NamedStep } from '../../domain/trust-approval.ts';
import type { KeptRoot } from '../../ports/root-slots.ts';
import { change } from '../change.ts';
import { OperationError } from '../operation-error.ts';
import type { AskedRootView, PreparedRootView, RootRequestView } from '../views/trust-roots.ts';
import { acceptedFields, acceptedWords } from './accepted-rest.ts';
import {
  type BesideStep,
  carryOutStep,
  type LaterStep,
  nameStep,
  requireSameList,
  stepTaken,
} from './approve-root-step.ts';
import { type AskedRootStep, type Preparation, putAskedRoot, readAskedRoot, releasedStep } from './asked-root.ts';
import { readAwaited } from './awaited-root.ts';
import { dropOf, lacksDrop } from './drop-step.ts';
import type { RootStepsContext } from './root-step.ts';
import { namePreparation, type Prepared, prepareRoot } from './root-steps.ts';

/** The command that releases it. */
export function askedRootView({ step, sequence, root, accepted: list }: AskedRootStep): AskedRootView {
  const accepted = list ?? null;
  const files = step === 'abort' ? ' --withdrawal FILE --open-with FILE' : accepted ? ' --accept FILE' : '';
  return { step, sequence, root, accepted, release: `nolapse trust release ${step} root ${sequence} ${root}${files}` };
}

/** Writes a step down until it is released. */
export async function askRoot(app: RootStepsContext, asked: AskedRootStep): Promise<AskedRootView> {
  await change(app, async ({ tx, record }) => {
    await putAskedRoot(tx, asked);
    await record({
      action: 'trust.asked',
      message: `a step of a root is to be released: ${asked.step}, sequence ${asked.sequence}${acceptedWords(asked.accepted ?? null)}`,
      fields: { 'nolapse.root.hash.sha256': asked.root, ...acceptedFields(asked.accepted ?? null) },
    });
  });
  return askedRootView(asked);
}

/** What is told of a root that was prepared, or waits for what is signed elsewhere. */
export function preparedView(app: Pick<RootStepsContext, 'roots'>, { root, awaited }: Prepared): PreparedRootView {
  if (awaited)
    return { root: null, withdrawal: app.roots.withdrawalFile(awaited.number), request: requestOf(app, awaited) };
  return { root, withdrawal: app.roots.withdrawalFile(root.number), request: null };
}

function requestOf(app: Pick<RootStepsContext, 'roots'>, awaited: Exclude<Prepared['awaited'], null>): RootRequestView {
  const { number, sequence, made } = awaited;
  return { number, sequence, wants: made ? 'signature' : 'root', text: app.roots.request(awaited) };
}

/** What waits to be signed elsewhere; null: nothing. */
export async function rootRequest(app: RootStepsContext): Promise<RootRequestView | null> {
  const awaited = await readAwaited(app.store.read);
  if (awaited) return requestOf(app, awaited);
  const unsigned = await lacksDrop(app);
  if (!unsigned) return null;
  const drop = dropOf(unsigned);
  return { number: drop.root, sequence: drop.sequence, wants: 'drop', text: app.roots.dropText(drop) };
}

async function carriedOut(
  app: RootStepsContext,
  preparation: Preparation,
  passphrase: string | undefined,
  sequence: number,
): Promise<PreparedRootView> {
  if (passphrase === undefined && preparation !== 'made_elsewhere') {
    throw new OperationError('invalid', ['passphrase: one is needed to seal the withdrawal of the root']);
  }
  return preparedView(app, await prepareRoot(app, { preparation, passphrase: passphrase ?? '', sequence }));
}

export interface Wanted {
  readonly preparation: Preparation;
  /** Seals the withdrawal of a root that is made here. */
  readonly passphrase?: string | undefined;
}

/** Asks for a next root, or makes it at once where no release is needed. Rejects with `conflict` where none can be made now. */
export async function askOrPrepareRoot(
  app: RootStepsContext,
  { preparation, passphrase }: Wanted,
): Promise<{ readonly done: PreparedRootView } | { readonly asked: AskedRootView }> {
  const { sequence, root } = await namePreparation(app, preparation);
  const isRequired = app.settings.trust.approval.root === 'required';
  if (isRequired) return { asked: await askRoot(app, { step: 'prepare', sequence, root, preparation }) };
  return { done: await carriedOut(app, preparation, passphrase, sequence) };
}

/** Asks for a step of a root that is prepared, or takes it at once where no release is needed. Rejects with what stands in its way. */
export async function askOrStepRoot(
  app: RootStepsContext,
  step: LaterStep,
  beside: BesideStep,
): Promise<{ readonly done: KeptRoot } | { readonly asked: AskedRootView }> {
  const taken = await stepTaken(app, step);
  if (taken) return { done: taken };
  if (app.settings.trust.approval.root === 'none') return { done: await carryOutStep(app, step, beside) };
  return { asked: await askRoot(app, await nameStep(app, step, beside)) };
}

/** A step as a command names it. */
export interface Release extends BesideStep {
  readonly step: NamedStep['step'];
  readonly sequence: number;
  readonly sha256: string;
  readonly passphrase?: string | undefined;
}

/** Carries out the step that was asked for and is named here. Rejects with `conflict` where none was, or another. */
export async function releaseRoot(
  app: RootStepsContext,
  { step, sequence, sha256, passphrase, ...beside }: Release,
): Promise<PreparedRootView> {
  const root = sha256.replaceAll(':', '').toLowerCase() as Fingerprint;
  const asked = releasedStep(await readAskedRoot(app.store.read), { step, sequence, root });
  if (step === 'compromised') throw new OperationError('invalid', ['step: compromised is released by compromiseRoot']);
  if (step === 'prepare') return carriedOut(app, asked.preparation ?? 'here', passphrase, sequence);
  requireSameList(asked, beside);
  return { root: await carryOutStep(app, step, beside), request: null, withdrawal: null };
}
