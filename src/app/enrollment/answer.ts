// What a session is told that begins to listen or says hello: what is owed, on whichever of the two comes last. A hello is answered in any
// case, if only by how long to wait.
import { askAgainSeconds } from '../../domain/ask-again.ts';
import { spreadFraction } from '../../domain/policy.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import { isOpen, type Renewal } from '../../domain/renewal.ts';
import { dayMs } from '../../domain/time.ts';
import { enrollmentTopic } from '../../domain/topics.ts';
import type { Pace } from '../../ports/store.ts';
import type { Context } from '../context.ts';
import { waitForAuthority } from '../renewal/authority-wait.ts';
import type { WithBreaker } from '../renewal/breaker.ts';
import { type DeliveryProfile, deliveryProfileOf } from '../renewal/delivery-profile.ts';
import { newestActive } from '../renewal/held.ts';
import { broughtBy, noteHeard, notHeardOn } from '../renewal/reopen.ts';
import type { Session } from '../session.ts';
import type { WithTurns } from '../turns.ts';
import type { WithAsked } from './asked.ts';
import { type PromptContext, promptAnew, type Told } from './prompt.ts';
import { type ErrorMessage, sayErrorTo } from './send-down.ts';
import { type TellStepContext, tellStep } from './tell-step.ts';

export type AnswerContext = PromptContext & TellStepContext & WithAsked & WithTurns & WithBreaker;

/** An offer that waits for its turn may have come to it by then. */
const queuedMs = 30_000;
/** A CA that is not known to be down has signed by then. */
const signedMs = 60_000;

/** Whom a session speaks and listens for, and what has not ended of that principal's renewals. */
interface Inquiry {
  readonly session: Session;
  readonly id: PrincipalId;
  readonly renewals: readonly Renewal[];
  /** Has it just been heard under the replacement that it brings? */
  readonly heard: boolean;
  /** `soon`: nobody waits until it is recorded what it was told. */
  readonly pace: Pace;
}

async function inquire({ store }: AnswerContext, session: Session, id: PrincipalId): Promise<Inquiry> {
  return { session, id, renewals: await store.read.unendedRenewals(id), heard: false, pace: 'now' };
}

/** What came of it, and of which renewal. */
interface Outcome {
  readonly told: Told;
  readonly about: Renewal | null;
}

/** The session has begun to listen. `bySubscribe`: it asked for that itself, and no subscription was kept for it. */
export async function onListening(app: AnswerContext, session: Session, bySubscribe: boolean): Promise<void> {
  const { id } = session.principal;
  const known = await app.store.read.unendedRenewals(id);
  // A SUBSCRIBE shows that the CONNACK has arrived.
  const unheard = bySubscribe ? notHeardOn(known, session) : null;
  // What is to be made instead of a replacement that is in use after all is called off before it is told.
  const first = unheard !== null && unheard.reopenedAt !== null;
  if (first) await noteHeard(app, session);
  const renewals = first ? await app.store.read.unendedRenewals(id) : known;
  const waiting = app.asked.of(session, id, app.clock.steady());
  await answer(app, { session, id, renewals, heard: unheard !== null, pace: 'soon' }, waiting.includes(id));
  await tellRoots(app, session, id);
  // Where it was told that all is done, that was noted with it.
  if (unheard && !first) await noteHeard(app, session);
  for (const other of waiting.filter((each) => each !== id)) {
    await app.turns.take();
    await answer(app, await inquire(app, session, other), true);
    await tellRoots(app, session, other);
  }
}

/** After what is owed of renewals. Who was let in by an anchor has no certificate yet, and is given the newest root with it. */
async function tellRoots(app: AnswerContext, session: Session, id: PrincipalId): Promise<void> {
  if (session.introduced) return;
  const asked = id === session.principal.id ? null : session.principal.id;
  await tellStep(app, id, { asked, reason: 'asked' });
}

/** The session said hello for this principal, which may be its own. `delivery` is how it is spoken to on this way. */
export async function onHello(
  app: AnswerContext,
  session: Session,
  id: PrincipalId,
  delivery: DeliveryProfile,
): Promise<void> {
  app.asked.note(session, session.principal.id, id, app.clock.steady());
  await answer(app, await inquire(app, session, id), true, delivery);
  await tellRoots(app, session, id);
}

async function answer(app: AnswerContext, inquiry: Inquiry, asked: boolean, known?: DeliveryProfile): Promise<void> {
  const { session, id } = inquiry;
  const isOwn = session.principal.id === id;
  const outcome = await (isOwn ? tellOwn(app, inquiry) : tellThrough(app, inquiry));
  if (!asked || outcome.told === 'unheard') return;
  const message = await restOf(app, inquiry, outcome);
  if (message) {
    const path = { speaker: session.principal.id, certificate: isOwn ? session.fingerprint : null };
    const delivery = known ?? (await deliveryProfileOf(app, id, isOwn ? null : path.speaker));
    // It is told how long to wait, and refused nothing.
    const taken = await sayErrorTo(app, path, id, delivery, message, null);
    if (taken === 0) return;
  }
  app.asked.forget(session.principal.id, id);
  // It went to every session that listens: this one may not do so yet.
  const topic = enrollmentTopic(id, message ? 'error' : 'offer');
  if (await app.sessions.listens(session.principal.id, topic, session)) app.asked.forgetOf(session, id);
}

/** By its certificate: what it has brought to its end comes before what is to follow it. */
async function tellOwn(app: AnswerContext, { session, renewals, heard, pace }: Inquiry): Promise<Outcome> {
  const own = broughtBy(renewals, session.fingerprint);
  const open = renewals.filter((each) => isOpen(each) && (own === null || each.oldFingerprint !== own.oldFingerprint));
  const next = open.find(({ oldFingerprint }) => oldFingerprint === session.fingerprint) ?? open[0] ?? null;
  if (own && (own.confirmedAt === null || next === null)) {
    const told = await tellDone(app, session, own, { heard, pace });
    if (next) await promptAnew(app, next, null, { pace });
    return { told, about: own };
  }
  return { told: next ? await promptAnew(app, next, null, { pace }) : 'nothing', about: next };
}

async function tellThrough(app: AnswerContext, { session, renewals }: Inquiry): Promise<Outcome> {
  const [current] = renewals;
  if (!current) return { told: 'nothing', about: null };
  if (current.state !== 'activated')
    return { told: await promptAnew(app, current, session.principal.id), about: current };
  const told = await tellDone(app, session, current, { heard: false, pace: 'now' });
  // A site gateway hears of it only where it had asked for the replacement.
  return { told: current.via === null ? 'nothing' : told, about: current };
}

/** Once to each session in a second: its hello and its SUBSCRIBE follow each other. */
async function tellDone(
  app: AnswerContext,
  session: Session,
  renewal: Renewal,
  how: Pick<Inquiry, 'heard' | 'pace'>,
): Promise<Told> {
  const now = app.clock.steady();
  if (app.asked.wasToldDone(session, renewal.id, now)) return 'told';
  const { id } = session.principal;
  const noteDone = (): void => app.asked.noteDone(session, renewal.id, now);
  // What it says next may come before it is recorded that it was told.
  const told = await promptAnew(app, renewal, id === renewal.principalId ? null : id, { ...how, onTaken: noteDone });
  if (told === 'told') noteDone();
  return told;
}

/** What is left to say to who asked: nothing, where it was told or will be. */
async function restOf(
  app: Pick<Context, 'store' | 'clock'> & WithBreaker,
  inquiry: Inquiry,
  outcome: Outcome,
): Promise<ErrorMessage | null> {
  const { told, about } = outcome;
  if (about && app.breaker.isOpen && (told === 'follows' || about.state === 'requested')) {
    const wait = waitForAuthority(app, about.id);
    if (wait) return { code: wait.code, detail: wait.detail, retryAfter: wait.retryAfterSeconds ?? 1 };
  }
  if (told === 'told' || told === 'follows') return null;
  const { renewal, waitMs } = await whenNext(app, inquiry, outcome);
  const chance = spreadFraction(`${inquiry.id}/${app.clock.now()}`);
  const retryAfter = askAgainSeconds(waitMs, chance);
  return { code: 'nothing_due', ...(renewal !== null && { renewal }), retryAfter };
}

/** How long nothing is owed, and the renewal whose replacement its device is to connect with. */
async function whenNext(
  app: Pick<Context, 'store' | 'clock'>,
  { session, id, renewals }: Inquiry,
  { told, about }: Outcome,
): Promise<{ readonly renewal: string | null; readonly waitMs: number }> {
  const now = app.clock.now();
  if (told === 'queued') return { renewal: null, waitMs: queuedMs };
  // It may just have been put off.
  const current = about && (await app.store.read.renewal(about.id));
  if (current && isOpen(current)) {
    const waitMs = (current.nextAt ?? now + dayMs) - now;
    if (current.state === 'requested') return { renewal: null, waitMs: Math.min(waitMs, signedMs) };
    return { renewal: current.state === 'installed' ? current.id : null, waitMs };
  }
  const { read } = app.store;
  const isOwn = session.principal.id === id;
  const inUse = isOwn ? await read.certificate(session.fingerprint) : await newestActive(read, id);
  if (inUse?.state === 'superseded') {
    const replaced = renewals.find(({ state, oldFingerprint }) => {
      return state === 'activated' && oldFingerprint === inUse.fingerprint;
    });
    return { renewal: replaced?.id ?? null, waitMs: ((inUse.overlapUntil ?? now) - now) / 2 };
  }
  return { renewal: null, waitMs: (inUse?.renewAt ?? now + dayMs) - now };
}
