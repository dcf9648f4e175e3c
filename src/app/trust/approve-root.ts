// Steps of a root that an operator asks for: carried out at once, or written down until another command releases them.
import type { Fingerprint } from '../../domain/certificate.ts';
import type { RootStep } from '../../domain/trust-approval.ts';
import { change } from '../change.ts';
import { OperationError } from '../operation-error.ts';
import type { AskedRootView, PreparedRootView, RootRequestView } from '../views/trust-roots.ts';
import { type AskedRootStep, type Preparation, putAskedRoot, readAskedRoot, releasedStep } from './asked-root.ts';
import { readAwaited } from './awaited-root.ts';
import { namePreparation, type Prepared, prepareRoot, type RootStepsContext } from './root-steps.ts';

/** The command that releases it. */
export function askedRootView({ step, sequence, root }: AskedRootStep): AskedRootView {
  return { step, sequence, root, release: `nolapse trust release ${step} root ${sequence} ${root}` };
}

async function ask(app: RootStepsContext, asked: AskedRootStep): Promise<AskedRootView> {
  await change(app, async ({ tx, record }) => {
    await putAskedRoot(tx, asked);
    await record({
      action: 'trust.asked',
      message: `a step of a root is to be released: ${asked.step}, sequence ${asked.sequence}`,
      fields: { 'nolapse.root.hash.sha256': asked.root },
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
  return awaited && requestOf(app, awaited);
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
  if (isRequired) return { asked: await ask(app, { step: 'prepare', sequence, root, preparation }) };
  return { done: await carriedOut(app, preparation, passphrase, sequence) };
}

/** A step as a command names it. */
export interface Release {
  readonly step: RootStep;
  readonly sequence: number;
  readonly sha256: string;
  readonly passphrase?: string | undefined;
}

/** Carries out the step that was asked for and is named here. Rejects with `conflict` where none was, or another. */
export async function releaseRoot(
  app: RootStepsContext,
  { step, sequence, sha256, passphrase }: Release,
): Promise<PreparedRootView> {
  const root = sha256.replaceAll(':', '').toLowerCase() as Fingerprint;
  const { preparation } = releasedStep(await readAskedRoot(app.store.read), { step, sequence, root });
  return carriedOut(app, preparation, passphrase, sequence);
}
