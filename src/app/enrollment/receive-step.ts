// What a principal says of a step of a root, and which stretch of it is fetched. A word proves nothing: only a CONNECT does.
import type { AckMessage, GetMessage } from '../../domain/message.ts';
import { readTrustAck, type TrustAck } from '../../domain/trust-ack.ts';
import { afterAnswer, afterControlAnswer, isAboutControl, type PlanFacts } from '../../domain/trust-plan.ts';
import { afterStored, noRecord } from '../../domain/trust-record.ts';
import { sequenceOfRenewalId } from '../../domain/trust-step.ts';
import { afterFetching, isAnnounced, type KeptStep, wasTold } from '../../domain/trust-told.ts';
import { type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { type Conversation, detailLengthMax, type Sender, unknownRenewal } from './conversation.ts';
import { answered, nothing, type Outcome, refuseWith } from './outcome.ts';
import { planFacts, tellingWay } from './trust-facts.ts';

/** The step that an id names, if its principal was told of it and it may still be had. */
function toldStep({ steps, told, now }: PlanFacts, renewal: string): KeptStep | null {
  const sequence = sequenceOfRenewalId(renewal);
  const step = steps.find((each) => each.sequence === sequence);
  return step && isAnnounced(step, now) && wasTold(told, step.sequence) ? step : null;
}

/** What comes of an `ack` that names no renewal. */
export async function takeStepAck({ tx, now, sender }: Conversation, ack: AckMessage): Promise<Outcome> {
  const { id, via, session } = sender;
  if (sequenceOfRenewalId(ack.renewal) === null || (via === null && session.introduced))
    return refuseWith(unknownRenewal);
  const facts = await planFacts(tx, id, now);
  const step = toldStep(facts, ack.renewal);
  const isControl = step !== null && via === null && isAboutControl(facts, step);
  const said = readTrustAck(step && { ...step, isControl }, ack);
  if (said.kind === 'refused' || !step) return refuseWith(said.kind === 'refused' ? said.refusal : unknownRenewal);
  if (said.kind === 'control_passed' || said.kind === 'control_unreached') {
    const known = (await tx.trustRecord(id))?.control ?? null;
    return answered(nothing, {
      kind: 'control-answered',
      ...afterControlAnswer(facts, said.kind === 'control_passed', known),
    });
  }
  const failure = failureOf(said);
  const told = afterAnswer(facts, step, tellingWay(via), failure?.code ?? null);
  if (told === facts.told) return answered(nothing);
  const isStored = told.settled.some(({ sequence, stored }) => stored && sequence === step.sequence);
  const record = (await tx.trustRecord(id)) ?? noRecord(id);
  const stored = isStored && step.kind === 'successor' ? afterStored(record, step.sequence, via, now) : null;
  const after = stored?.outcome === 'taken' ? stored.record : record;
  return answered(nothing, { kind: 'step-answered', step, told, record: after === record ? null : after, failure });
}

/** What a failure is kept as: its words are the device's own. */
function failureOf(said: TrustAck): { readonly code: string; readonly detail: string } | null {
  if (said.kind !== 'port_failed' && said.kind !== 'step_failed') return null;
  return { code: said.code.slice(0, 64), detail: said.detail.slice(0, detailLengthMax) };
}

/** The bytes of the step that a `get` names; null: none that this principal was told of. */
export async function stepToFetch(
  app: Pick<Context, 'store' | 'clock'>,
  { id }: Sender,
  { renewal }: GetMessage,
): Promise<Uint8Array | null> {
  if (sequenceOfRenewalId(renewal) === null) return null;
  const step = toldStep(await planFacts(app.store.read, id, app.clock.now()), renewal);
  return step && app.store.read.trustStepBytes(step.sequence);
}

/** Its last byte has been sent. */
export async function keepStepFetched(app: Changing, { id, via }: Sender, renewal: string): Promise<void> {
  const sequence = sequenceOfRenewalId(renewal) ?? 0;
  const isNews = (told: PlanFacts['told']) => afterFetching(told, sequence, tellingWay(via)) !== told;
  if (!isNews((await planFacts(app.store.read, id, app.clock.now())).told)) return;
  await change(app, async ({ tx, now }) => {
    const { told } = await planFacts(tx, id, now);
    if (isNews(told)) await tx.putTrustTold(afterFetching(told, sequence, tellingWay(via)));
  });
}
