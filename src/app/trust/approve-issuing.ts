// Steps of an issuing CA that an operator asks for: carried out at once, or written down until another command releases them.
import type { Fingerprint } from '../../domain/certificate.ts';
import { type AskedStep, isReleasedBy, objectToActivation, slotIn } from '../../domain/issuing-slots.ts';
import { currentRoot } from '../../domain/root-slots.ts';
import { change } from '../change.ts';
import { OperationError } from '../operation-error.ts';
import type { AskedStepView, IssuingSlotView } from '../views/trust.ts';
import { putAsked, readAsked, voidAsked } from './asked-step.ts';
import { activateIssuing, conflict, type IssuingStepsContext, retireIssuing } from './issuing-steps.ts';

type Done = { readonly done: IssuingSlotView } | { readonly asked: AskedStepView };

/** The command that releases it. */
export function askedView(asked: AskedStep): AskedStepView {
  return { ...asked, release: `nolapse trust release ${asked.step} issuing ${asked.number} ${asked.fingerprint}` };
}

/** @param below the number of the root; null: the present one. @returns rejects with `conflict` where it cannot be done now. */
export async function askOrActivate(app: IssuingStepsContext, below: number | null = null): Promise<Done> {
  if (app.settings.trust.approval.issuing === 'none') return { done: await activateIssuing(app, null, below) };
  const slots = await app.store.read.issuingSlots();
  const root = below ?? currentRoot(await app.store.read.rootSlots()).number;
  const next = slotIn(slots, 'next', root);
  const objection = objectToActivation(slots, app.clock.now(), root);
  if (!next?.certificate || objection !== null) throw conflict(objection ?? 'no issuing CA is prepared');
  return askIssuing(app, { step: 'activate', number: next.number, fingerprint: next.certificate.fingerprint });
}

/** @returns rejects with `conflict` where it is no former one. */
export async function askOrRetire(app: IssuingStepsContext, number: number): Promise<Done> {
  if (app.settings.trust.approval.issuing === 'none') return { done: await retireIssuing(app, number) };
  const former = (await app.store.read.issuingSlots()).find((slot) => slot.number === number);
  if (former?.state !== 'former' || !former.certificate) throw conflict(`issuing CA ${number} is not a former one`);
  return askIssuing(app, { step: 'retire', number, fingerprint: former.certificate.fingerprint });
}

/** Writes a step down until it is released. */
export async function askIssuing(
  app: IssuingStepsContext,
  asked: AskedStep,
): Promise<{ readonly asked: AskedStepView }> {
  await change(app, async ({ tx, record }) => {
    await putAsked(tx, asked);
    await record({
      action: 'trust.asked',
      message: `issuing CA ${asked.number}: to be released: ${asked.step}`,
      fields: { 'nolapse.issuer': asked.number, 'nolapse.ca.hash.sha256': asked.fingerprint },
    });
  });
  return { asked: askedView(asked) };
}

/** Carries out the step that was asked for and is named here. @returns rejects with `conflict` where none was, or another. */
export async function releaseIssuing(
  app: IssuingStepsContext,
  step: 'activate' | 'retire',
  number: number,
  sha256: string,
): Promise<IssuingSlotView> {
  const fingerprint = sha256.replaceAll(':', '').toLowerCase() as Fingerprint;
  const release = { step, number, fingerprint };
  const asked = await readAsked(app.store.read);
  if (!isReleasedBy(asked, release)) {
    const what = asked ? `${asked.step} of issuing CA ${asked.number}, SHA-256 ${asked.fingerprint}` : 'nothing';
    throw new OperationError('conflict', [`this step was not asked for; asked for is: ${what}`]);
  }
  const slot = (await app.store.read.issuingSlots()).find((each) => each.number === number);
  const done =
    step === 'activate'
      ? await activateIssuing(app, fingerprint, slot?.root ?? null)
      : await retireIssuing(app, number);
  await change(app, ({ tx }) => voidAsked(tx));
  return done;
}
