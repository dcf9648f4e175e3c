// Takes what a device publishes on its enrollment topics: throttles, decodes, hands each word to its verb, and answers a
// refusal with its code. Bad input changes nothing but a count.
import { mayPublish } from '../domain/acl.ts';
import type { EnrollmentCode, Refusal } from '../domain/errors.ts';
import type { UpMessage } from '../domain/message.ts';
import type { Encoding, PrincipalId } from '../domain/principal.ts';
import { isUpWord, parseEnrollmentTopic } from '../domain/topics.ts';
import { decodeUp } from '../wire/index.ts';
import type { App } from './context.ts';
import { receiveAck } from './receive-ack.ts';
import { receiveCsr } from './receive-csr.ts';
import { receiveGet } from './receive-get.ts';
import { receiveHello } from './receive-hello.ts';
import { mannerOf, sendDown } from './send-down.ts';
import type { Session } from './session.ts';

/** Where a message came from: the session it arrived on and the encoding it was spoken in. */
export interface Sender {
  readonly id: PrincipalId;
  readonly session: Session;
  readonly encoding: Encoding;
}

/** Characters of a device's own words that are kept or logged. */
export const detailLengthMax = 200;

/** Takes one message, as {@link Entrance.receive} has it. */
export async function receive(app: App, session: Session, topic: string, payload: Uint8Array): Promise<void> {
  const address = parseEnrollmentTopic(topic);
  const id = session.principal.id;
  if (!address || !mayPublish(session.access, topic)) {
    const word = address && !isUpWord(address.word) && address.id === id ? 'unknown_word' : 'not_authorized';
    await refuse(app, { id, session, encoding: 'json' }, { code: word, detail: 'not a topic of yours to publish on' });
    return;
  }
  if (!app.throttle.take(id, app.clock.now())) {
    const refusal = { code: 'too_many_requests', detail: 'slow down', retryAfterSeconds: 5 } as const;
    await refuse(app, { id, session, encoding: 'json' }, refusal);
    return;
  }
  if (!isUpWord(address.word)) return;
  const decoded = decodeUp(address.word, payload);
  if (!decoded.ok) {
    await refuse(app, { id, session, encoding: decoded.encoding }, decoded);
    return;
  }
  const sender = { id, session, encoding: decoded.encoding };
  try {
    const refusal = await dispatch(app, sender, decoded.message);
    if (refusal) await refuse(app, sender, refusal, 'renewal' in decoded.message ? decoded.message.renewal : undefined);
  } catch (error) {
    app.journal.tell({
      action: 'enrollment.failed',
      level: 'error',
      message: `${id}: ${address.word} could not be handled`,
      fields: { 'nolapse.principal': id, 'error.message': error instanceof Error ? error.message : String(error) },
    });
    await refuse(app, sender, { code: 'unavailable', detail: 'try again', retryAfterSeconds: 10 });
  }
}

function dispatch(app: App, sender: Sender, message: UpMessage): Promise<Refusal | null> {
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

function count(app: App, id: PrincipalId, code: EnrollmentCode, detail: string, renewal?: string): void {
  app.journal.tell({
    action: 'enrollment.refused',
    level: 'warn',
    reason: code,
    message: `${id}: ${code}: ${detail}`,
    fields: { 'nolapse.principal': id, ...(renewal !== undefined && { 'nolapse.renewal': renewal }) },
  });
}

/** Answers with an error message and counts and tells it once. */
async function refuse(app: App, sender: Sender, refusal: Refusal, renewal?: string): Promise<void> {
  const { code, retryAfterSeconds } = refusal;
  const detail = refusal.detail.slice(0, detailLengthMax);
  count(app, sender.id, code, detail, renewal);
  await sendDown(app, sender.id, await mannerOf(app, sender.id, sender.encoding), {
    word: 'error',
    code,
    detail,
    ...(renewal !== undefined && { renewal }),
    ...(retryAfterSeconds !== undefined && { retryAfter: retryAfterSeconds }),
  });
}
