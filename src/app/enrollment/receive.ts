// Takes what a device publishes on its enrollment topics: throttles, decodes, hands each word to its verb, and answers a
// refusal with its code. Bad input changes nothing but a count.
import { mayPublish } from '../../domain/acl.ts';
import type { EnrollmentCode, Refusal } from '../../domain/errors.ts';
import type { UpMessage } from '../../domain/message.ts';
import type { Encoding, PrincipalId } from '../../domain/principal.ts';
import { isUpWord, parseEnrollmentTopic } from '../../domain/topics.ts';
import { decodeUp } from '../../wire/index.ts';
import type { Context } from '../context.ts';
import { mannerOf } from '../renewal/manner.ts';
import { noteHeard } from '../renewal/reopen.ts';
import type { Session } from '../session.ts';
import type { WithHearing } from '../whereabouts.ts';
import { concernsDelegation, objectToSpeaker, refuseGateway, slowDown } from './act-for.ts';
import type { AnswerContext } from './answer.ts';
import { receiveAck } from './receive-ack.ts';
import { receiveCsr } from './receive-csr.ts';
import { receiveGet } from './receive-get.ts';
import { receiveHello } from './receive-hello.ts';
import { sayError } from './send-down.ts';
import { isAnswered, maySpeak } from './throttle.ts';

export type ReceiveContext = AnswerContext & WithHearing;

/** Where a message came from: the session it arrived on and the encoding it was spoken in. */
export interface Sender {
  /** The principal it is about. */
  readonly id: PrincipalId;
  /** The gateway that spoke for it; null when it spoke itself. */
  readonly via: PrincipalId | null;
  readonly session: Session;
  readonly encoding: Encoding;
}

/** Characters of a device's own words that are kept or logged. */
export const detailLengthMax = 200;

/** Takes one message, as {@link Entrance.receive} has it. */
export async function receive(
  app: ReceiveContext,
  session: Session,
  topic: string,
  payload: Uint8Array,
): Promise<void> {
  const address = parseEnrollmentTopic(topic);
  const { id: self } = session.principal;
  if (!address || !isUpWord(address.word) || !mayPublish(session.access, topic)) {
    const code = address && !isUpWord(address.word) && address.id === self ? 'unknown_word' : 'not_authorized';
    return refuseUnlessTold(app, self, { code, detail: 'not a topic of yours to publish on' });
  }
  const { id, word } = address;
  const via = id === self ? null : self;
  // One connection brings the messages of a whole site, hundreds at a time.
  if (via) await app.turns.take();
  const objection = via && objectToSpeaker(app, session, id);
  if (objection) return refuseGateway(app, { gateway: self, device: id }, objection);
  if (!via && !maySpeak(app.throttles, self, self, app.clock.now())) return refuseUnlessTold(app, self, slowDown);
  if (session.introduced && (await app.store.read.wasSeen(self))) {
    // Its session is about to end, and what would be answered is the enrolled device's to read.
    return count(app, self, 'not_authorized', 'the introduction is over: a certificate of this device is in use');
  }
  const decoded = decodeUp(word, payload);
  if (!decoded.ok) {
    return refuse(app, { id, via, encoding: decoded.encoding }, decoded);
  }
  await handle(app, { id, via, session, encoding: decoded.encoding }, decoded.message);
}

async function handle(app: ReceiveContext, sender: Sender, message: UpMessage): Promise<void> {
  const { id, via, session, encoding } = sender;
  const about: { renewal?: string } = 'renewal' in message ? { renewal: message.renewal } : {};
  try {
    if (via === null) await noteHeard(app, session);
    const refusal = (await objectToFirst(app, sender, about.renewal)) ?? (await dispatch(app, sender, message));
    if (via) app.presences.heard(id, about.renewal ?? null);
    if (!refusal) return;
    if (via && concernsDelegation(refusal)) {
      await refuseGateway(app, { gateway: via, device: id, encoding, isDelegated: true, ...about }, refusal);
    } else await refuse(app, { id, via, encoding, ...about }, refusal);
  } catch (error) {
    app.decisions.tell({
      action: 'enrollment.failed',
      level: 'error',
      message: `${id}: ${message.word} could not be handled`,
      fields: { 'nolapse.principal': id, 'error.message': error instanceof Error ? error.message : String(error) },
    });
    await refuse(app, { id, via, encoding }, { code: 'unavailable', detail: 'try again', retryAfterSeconds: 10 });
  }
}

/**
 * Does a gateway speak in a first enrollment? It is between the device, which an anchor introduced by its own connection, and this
 * gateway: nobody else could show that the key asked for is the device's.
 */
async function objectToFirst(
  app: Pick<Context, 'store'>,
  { id, via }: Sender,
  renewalId: string | undefined,
): Promise<Refusal | null> {
  if (via === null || renewalId === undefined) return null;
  const renewal = await app.store.read.renewal(renewalId);
  if (renewal?.principalId !== id || renewal.oldFingerprint !== null) return null;
  return { code: 'not_delegated', detail: "a first enrollment is the device's own" };
}

function dispatch(app: ReceiveContext, sender: Sender, message: UpMessage): Promise<Refusal | null> {
  switch (message.word) {
    case 'hello':
      return receiveHello(app, sender, message);
    case 'csr':
      return receiveCsr(app, sender, message);
    case 'get':
      return receiveGet(app, sender, message);
    case 'ack':
      return receiveAck(app, sender, message);
  }
}

function count(
  app: Pick<Context, 'decisions'>,
  id: PrincipalId,
  code: EnrollmentCode,
  detail: string,
  renewal?: string,
): void {
  app.decisions.tell({
    action: 'enrollment.refused',
    level: 'warn',
    reason: code,
    message: `${id}: ${code}: ${detail}`,
    fields: { 'nolapse.principal': id, ...(renewal !== undefined && { 'nolapse.renewal': renewal }) },
  });
}

/** Whom to answer, on the way its message came, in which encoding (else the one it last used), and about which renewal. */
interface Answered {
  readonly id: PrincipalId;
  readonly via: PrincipalId | null;
  readonly encoding?: Encoding;
  readonly renewal?: string;
}

/** Answers the first of many refusals of the same kind, and counts and tells each. */
async function refuseUnlessTold(app: ReceiveContext, id: PrincipalId, refusal: Refusal): Promise<void> {
  if (isAnswered(app.throttles, id, id, refusal === slowDown, app.clock.now()))
    return refuse(app, { id, via: null }, refusal);
  count(app, id, refusal.code, refusal.detail);
}

/** Answers with an error message and counts and tells it once. */
async function refuse(app: ReceiveContext, { id, via, encoding, renewal }: Answered, refusal: Refusal): Promise<void> {
  const { code, retryAfterSeconds } = refusal;
  const detail = refusal.detail.slice(0, detailLengthMax);
  count(app, id, code, detail, renewal);
  const error = {
    code,
    detail,
    ...(renewal !== undefined && { renewal }),
    ...(retryAfterSeconds !== undefined && { retryAfter: retryAfterSeconds }),
  } as const;
  const asking = { id, via, ...(renewal !== undefined && { renewal }) };
  const hearers = { path: via, certificate: null };
  await sayError(app, id, await mannerOf(app, id, via, encoding), error, refusal.isUnderWay ? null : asking, hearers);
}
