// Takes what a device publishes on its enrollment topics: has the conversation opened and each message judged, what comes of it kept in one
// change, and answers it then. Bad input changes nothing but a count.
import type { Fingerprint } from '../../domain/certificate.ts';
import type { EnrollmentCode, Refusal } from '../../domain/errors.ts';
import type { CsrMessage, UpMessage } from '../../domain/message.ts';
import type { Encoding, PrincipalId } from '../../domain/principal.ts';
import { readCsr } from '../../pki/csr.ts';
import { type Change, change } from '../change.ts';
import type { Context } from '../context.ts';
import { waitForAuthority } from '../renewal/authority-wait.ts';
import { deliveryProfileOf } from '../renewal/delivery-profile.ts';
import { heardWithin, noteHeard } from '../renewal/reopen.ts';
import type { Session } from '../session.ts';
import type { WithHearing } from '../whereabouts.ts';
import { concernsDelegation, refuseGateway, slowDown } from './act-for.ts';
import { type AnswerContext, onHello } from './answer.ts';
import { assembleRequest } from './assemble-request.ts';
import { signerOfRequest } from './check-proof.ts';
import {
  type Conversation,
  converse,
  detailLengthMax,
  type Moment,
  objectToFirst,
  openConversation,
  type Sender,
} from './conversation.ts';
import { applyKeeping } from './keep-outcome.ts';
import { type Outcome, type Reply, refused, refuseWith } from './outcome.ts';
import { sendReplacement } from './prompt.ts';
import { takeAck } from './receive-ack.ts';
import { takeRequest, type WholeRequest } from './receive-csr.ts';
import { receiveGet } from './receive-get.ts';
import { takeHello } from './receive-hello.ts';
import { signerOfHello } from './report-use.ts';
import { sayError } from './send-down.ts';
import { isAnswered } from './throttle.ts';

export type ReceiveContext = AnswerContext & WithHearing;

/** Takes one message, as {@link Entrance.receive} has it. */
export async function receive(
  app: ReceiveContext,
  session: Session,
  topic: string,
  payload: Uint8Array,
): Promise<void> {
  const { id: self } = session.principal;
  const opening = await openConversation(app, session, topic, payload);
  switch (opening.kind) {
    case 'open':
      return handle(app, opening.sender, opening.message);
    case 'unanswered':
      return count(app, self, opening.refusal.code, opening.refusal.detail);
    case 'not_for_it':
      return refuseUnlessTold(app, self, opening.refusal);
    case 'not_for_gateway':
      return refuseGateway(app, { gateway: self, device: opening.device }, opening.refusal);
    case 'unreadable': {
      const { id, via, encoding, refusal } = opening;
      return refuse(app, { id, via, encoding }, refusal);
    }
  }
}

async function handle(app: ReceiveContext, sender: Sender, message: UpMessage): Promise<void> {
  const { id, via, encoding } = sender;
  const about: { renewal?: string } = 'renewal' in message ? { renewal: message.renewal } : {};
  try {
    const refusal =
      message.word === 'get'
        ? await fetch(app, sender, message)
        : await takeMessage(app, sender, message, await beforehand(app, sender, message));
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

type Get = Extract<UpMessage, { word: 'get' }>;

/** It is only read for: a change is made where the last part was sent, or the device was heard for the first time. */
async function fetch(app: ReceiveContext, sender: Sender, message: Get): Promise<Refusal | null> {
  if (sender.via === null) await noteHeard(app, sender.session);
  return receiveGet(app, sender, message);
}

type Telling = Exclude<UpMessage, Get>;

/** What is found out before the change, in which nobody but the ledger is asked, and no signature verified. */
interface Beforehand {
  /** The request of a `csr`, as soon as it has arrived as a whole. */
  readonly request: WholeRequest | null;
  /** Of a `hello` with a proof: the certificate whose key has signed it. */
  readonly signer: Fingerprint | null;
  /** Of a report that it cannot be used: is the replacement in use on a connection? */
  readonly isInUse: boolean;
}

const nothingKnown: Beforehand = { request: null, signer: null, isInUse: false };

async function beforehand(app: ReceiveContext, sender: Sender, message: Telling): Promise<Beforehand> {
  const moment = { app, tx: app.store.read, now: app.clock.now() };
  switch (message.word) {
    case 'hello':
      return { ...nothingKnown, signer: await signerOfHello(moment, sender, message) };
    case 'csr': {
      if (!message.csr) return nothingKnown;
      return { ...nothingKnown, request: await readRequest(moment, sender, message, message.csr) };
    }
    case 'ack': {
      if (message.status !== 'failed') return nothingKnown;
      const { renewal } = await converse(moment, sender, message.renewal);
      const replacement = renewal?.newFingerprint ?? null;
      const isInUse = replacement !== null && (await app.sessions.isConnected(sender.id, replacement));
      return { ...nothingKnown, isInUse };
    }
  }
}

async function readRequest(
  moment: Moment,
  sender: Sender,
  message: CsrMessage,
  der: Uint8Array,
): Promise<WholeRequest> {
  const facts = readCsr(der, { bytesMax: moment.app.settings.csrBytesMax });
  const signer = 'code' in facts ? null : await signerOfRequest(moment, sender, message, der);
  return { der, facts, signer, inParts: message.csr === undefined };
}

/** Judges a message and keeps what comes of it in one change, and answers it after that. Null: it was not refused. */
async function takeMessage(
  app: ReceiveContext,
  sender: Sender,
  message: Telling,
  known: Beforehand,
): Promise<Refusal | null> {
  const { id, via, session } = sender;
  const judge = async (within: Change<ReceiveContext>): Promise<Reply> => {
    if (via === null && !session.introduced) await heardWithin(within, id, session.fingerprint);
    const conversation = await converse(within, sender, message.word === 'hello' ? undefined : message.renewal);
    const objection = objectToFirst(conversation);
    const outcome = objection ? refuseWith(objection) : await outcomeOf(conversation, message, known);
    for (const each of outcome.keep) await applyKeeping(within, sender, each);
    return outcome.reply;
  };
  const reply = await change(app, judge, via);
  if (reply.kind !== 'whole' || message.word !== 'csr') return answer(app, sender, reply);
  const moment = { app, tx: app.store.read, now: app.clock.now() };
  const request = await readRequest(moment, sender, message, reply.der);
  return takeMessage(app, sender, message, { ...nothingKnown, request });
}

async function outcomeOf(
  conversation: Conversation,
  message: Telling,
  { request, signer, isInUse }: Beforehand,
): Promise<Outcome> {
  if (message.word === 'hello') return takeHello(conversation, message, signer);
  if (message.word === 'ack') return takeAck(conversation, message, isInUse);
  if (request) return takeRequest(conversation, message, request);
  const { offset, total, bytes } = message;
  // The wire takes no request that is neither whole nor a part.
  if (offset === undefined || total === undefined || !bytes) return refused('missing_field', 'csr: required');
  return assembleRequest(conversation, { offset, total, bytes });
}

/** Says what is to be said once all is committed. */
async function answer(app: ReceiveContext, { id, via, session }: Sender, reply: Reply): Promise<Refusal | null> {
  switch (reply.kind) {
    case 'refusal':
      return reply.refusal;
    case 'owed':
      await onHello(app, session, id, reply.delivery);
      return null;
    case 'replacement':
      await sendReplacement(app, reply.renewal.id, via);
      return null;
    case 'requested':
      return waitForAuthority(app, reply.renewal.id);
    case 'nothing':
    case 'whole':
      return null;
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
  await sayError(
    app,
    id,
    await deliveryProfileOf(app, id, via, encoding),
    error,
    refusal.isUnderWay ? null : asking,
    hearers,
  );
}
