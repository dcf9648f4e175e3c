// Tells a principal which step of a root waits for it, on the ways on which it listens. That it was told is kept before it is: what is
// acknowledged or fetched must be known to have been announced, whatever is killed in between; and what was lost is told again.
import type { PrincipalId } from '../../domain/principal.ts';
import type { PromptReason } from '../../domain/prompting.ts';
import { enrollmentTopic } from '../../domain/topics.ts';
import { trustMessage } from '../../domain/trust-ack.ts';
import { nextTelling, type PlanFacts, stepToTell } from '../../domain/trust-plan.ts';
import { afterOffer, noRecord } from '../../domain/trust-record.ts';
import { afterTelling, dueAgain, type KeptStep } from '../../domain/trust-told.ts';
import { type Change, change } from '../change.ts';
import type { Context } from '../context.ts';
import { deliveryProfileOf, type Way } from '../renewal/delivery-profile.ts';
import { speakersFor } from './delegations.ts';
import { type AskedOn, sendDown } from './send-down.ts';
import { type TellControlContext, tellControl } from './tell-control.ts';
import { planFacts, tellingWay } from './trust-facts.ts';

export type TellStepContext = TellControlContext;

/** Somebody was told; nobody listens; there were as many announcements as there may be now, and it is still owed; there is nothing to tell. */
export type ToldStep = 'told' | 'unheard' | 'queued' | 'nothing';

/** What is to be told where. */
interface Telling {
  readonly path: Way;
  readonly step: KeptStep;
}

/** Tells it what it is to be told now, where it listens: on one way, or everywhere. */
export async function tellStep(
  app: TellStepContext,
  id: PrincipalId,
  { asked, reason }: { readonly asked: AskedOn; readonly reason: PromptReason },
): Promise<ToldStep> {
  const { read } = app.store;
  // Mostly there is none, and nothing else is read.
  if ((await read.trustSteps()).length === 0) return 'nothing';
  const ways: readonly Way[] = asked === 'everywhere' ? [null, ...speakersFor(app, id)] : [asked];
  const facts = await planFacts(read, id, app.clock.now());
  const due = dueBy(facts, ways);
  if (due.length === 0) {
    const told = asked === 'everywhere' || asked === null ? await tellControl(app, id, facts) : 'nothing';
    // Who asks is told of it another time.
    return told === 'queued' && reason === 'asked' ? 'nothing' : told;
  }
  const heard = await heardOf(app, id, due);
  if (heard.length === 0) return 'unheard';
  const { announcements } = app.rates;
  // Who asks comes after those who wait.
  if ((reason === 'asked' && announcements.contended) || !announcements.take()) {
    const since = app.clock.now();
    if (reason === 'asked') await app.store.transact((tx) => tx.enqueue({ kind: 'announce', principalId: id, since }));
    return 'queued';
  }
  const kept = await change(app, (within) => keepTelling(within, id, heard));
  // Many are kept in one commit, and would all be told in the turn after it.
  await app.turns.take();
  for (const { path, step } of kept) {
    const delivery = await deliveryProfileOf(app, id, path);
    await sendDown(
      app,
      id,
      delivery,
      { word: 'trust', ...trustMessage({ ...step, isControl: false }) },
      { path, certificate: null },
    );
  }
  return kept.length > 0 ? 'told' : 'nothing';
}

/** Is there anything to tell it now on a way on which it listens? */
export async function hasStepToHear(app: TellStepContext, id: PrincipalId): Promise<boolean> {
  const facts = await planFacts(app.store.read, id, app.clock.now());
  const due = dueBy(facts, [null, ...speakersFor(app, id)]);
  return due.length > 0 && (await heardOf(app, id, due)).length > 0;
}

function dueBy(facts: PlanFacts, paths: readonly Way[]): Telling[] {
  return paths.flatMap((path) => {
    const way = tellingWay(path);
    const step = stepToTell(facts, way);
    return step && dueAgain(facts.told, step.sequence, way, facts.now) === null ? [{ path, step }] : [];
  });
}

async function heardOf(
  app: Pick<Context, 'sessions'>,
  id: PrincipalId,
  due: readonly Telling[],
): Promise<readonly Telling[]> {
  const topic = enrollmentTopic(id, 'trust');
  const heard = await Promise.all(due.map(({ path }) => app.sessions.listens(path ?? id, topic)));
  return due.filter((_, at) => heard[at]);
}

/** Keeps what is about to be told. @returns the part of it that is still to be told. */
async function keepTelling(within: Change, id: PrincipalId, tellings: readonly Telling[]): Promise<Telling[]> {
  const { tx, now } = within;
  const paths = tellings.map(({ path }) => path);
  const facts = await planFacts(tx, id, now);
  const due = dueBy(facts, paths);
  if (due.length === 0) return [];
  let told = facts.told;
  let record = (await tx.trustRecord(id)) ?? noRecord(id);
  for (const [way, { sequence, kind, named }] of new Map(due.map(({ path, step }) => [tellingWay(path), step]))) {
    told = afterTelling(told, sequence, way, now);
    if (kind === 'successor') record = afterOffer(record, { sequence, root: named }, now);
  }
  await tx.putTrustTold({ ...told, nextAt: nextTelling({ ...facts, told }) });
  await tx.putTrustRecord(record);
  within.afterwards(() => tellAnnounced(within.app, id, due));
  return due;
}

function tellAnnounced({ decisions }: Pick<Context, 'decisions'>, id: PrincipalId, told: readonly Telling[]): void {
  for (const { path, step } of told) {
    decisions.tell({
      action: 'trust.announced',
      message: `${id}: told of step ${step.sequence} (${step.kind}) and port ${step.port}`,
      fields: { 'nolapse.principal': id, ...(path !== null && { 'nolapse.gateway': path }) },
    });
  }
}
