// Sends a message of the broker to its device, on its own connection and through the site gateways that speak for it: on each of these
// ways encoded as the device speaks there, and never larger than what it takes there. A message that does not fit is not sent, and told.
import type { Fingerprint } from '../../domain/certificate.ts';
import type { DownMessage } from '../../domain/message.ts';
import { packetBytesLeast } from '../../domain/packet.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import { type DownWord, enrollmentTopic } from '../../domain/topics.ts';
import type { Context } from '../context.ts';
import { canBeTold, type DeliveryProfile, deliveryProfileOf, fitted, type Way } from '../renewal/delivery-profile.ts';
import { speakersFor } from './delegations.ts';
import type { Asking, WithRefusals } from './refusals.ts';

export type SendDownContext = Pick<Context, 'store' | 'sessions' | 'clock' | 'decisions'> & WithRefusals;

/** The message, and what may be left of it when there is no room for the whole, the fullest first. */
function shortenings(message: DownMessage): readonly DownMessage[] {
  if (message.word === 'offer') {
    const { sha256: _, ...rest } = message;
    return [message, rest];
  }
  if (message.word !== 'error') return [message];
  const { detail: _, ...rest } = message;
  const { renewal: __, ...bare } = rest;
  return [message, rest, bare, { word: 'error', code: message.code }];
}

/** As much of the message as fits; null when not even the least of it does. */
function shortened(id: PrincipalId, delivery: DeliveryProfile, message: DownMessage): Uint8Array | null {
  for (const each of shortenings(message)) {
    const payload = fitted(id, delivery, each);
    if (payload) return payload;
  }
  return null;
}

/** What is said that is no error. */
export type Said = Exclude<DownMessage, { word: 'error' }>;
export type ErrorMessage = Omit<Extract<DownMessage, { word: 'error' }>, 'word'>;

/**
 * Whose renewal an error refuses something; null where it refuses none anything, or the refusal is kept already. No error is sent
 * without its being said, so that none is answered again and again with nobody seeing it.
 */
export type Refused = Asking | null;

/** Whose sessions are spoken to. */
export interface Hearers {
  readonly path: Way;
  /** Of the principal's own sessions, only those opened with this certificate; null: all. */
  readonly certificate: Fingerprint | null;
}

const itself: Hearers = { path: null, certificate: null };

/**
 * Sends a message to the sessions of one way that listen for it. One that does not fit is told and kept as refused, and its code said in
 * its place where at least that fits. @returns how many took the message.
 */
export async function sendDown(
  app: SendDownContext,
  id: PrincipalId,
  delivery: DeliveryProfile,
  message: Said,
  hearers: Hearers = itself,
): Promise<number> {
  // Nothing is begun that could not be finished.
  const payload = canBeTold(id, delivery) ? shortened(id, delivery, message) : null;
  if (payload) return hand(app, id, message.word, payload, hearers);
  tellTooLarge(app, id, delivery, message.word);
  // Who is not there to be told is refused nothing.
  const isThere = await app.sessions.listens(hearers.path ?? id, enrollmentTopic(id, message.word));
  if (isThere) await sayError(app, id, delivery, tooSmall, { id, via: hearers.path }, hearers);
  return 0;
}

/** What is answered who announced packets that hold none of this protocol's messages. */
export const tooSmall = {
  code: 'packet_too_small',
  detail: `at least ${packetBytesLeast} bytes, and more in JSON`,
} as const;

/** Says an error to the sessions of one way that listen for it, as much of it as fits. @returns how many took it. */
export async function sayError(
  app: SendDownContext,
  id: PrincipalId,
  delivery: DeliveryProfile,
  error: ErrorMessage,
  refused: Refused,
  hearers: Hearers = itself,
): Promise<number> {
  const payload = await keptAndShortened(app, id, delivery, error, refused);
  return payload ? hand(app, id, 'error', payload, hearers) : 0;
}

async function keptAndShortened(
  app: Pick<Context, 'decisions'> & WithRefusals,
  id: PrincipalId,
  delivery: DeliveryProfile,
  error: ErrorMessage,
  refused: Refused,
) {
  const { code, detail = '' } = error;
  // A store that does not take it keeps nobody from being answered.
  if (refused) await app.refusals.note({ ...refused, code, detail }).catch((e: unknown) => tellUnkept(app, id, e));
  const payload = shortened(id, delivery, { word: 'error', ...error });
  if (!payload) tellTooLarge(app, id, delivery, 'error');
  return payload;
}

/** The way back to who asked: the sessions of one speaker, and of a principal that speaks for itself those with its certificate. */
export interface Path {
  readonly speaker: PrincipalId;
  readonly certificate: Fingerprint | null;
}

/** Says an error that concerns nobody but who asked. @returns how many sessions took it. */
export async function sayErrorTo(
  app: Pick<Context, 'sessions' | 'decisions'> & WithRefusals,
  { speaker, certificate }: Path,
  id: PrincipalId,
  delivery: DeliveryProfile,
  error: ErrorMessage,
  refused: Refused,
): Promise<number> {
  const payload = await keptAndShortened(app, id, delivery, error, refused);
  return payload ? app.sessions.send(speaker, enrollmentTopic(id, 'error'), payload, certificate) : 0;
}

/** Where something is to be said: on every way there is, or on the one it was asked on. */
export type AskedOn = Way | 'everywhere';

/** Which of a principal's sessions hear what is said everywhere. */
export interface Audience {
  /** Of its own, only those opened with this certificate; null: all. */
  readonly certificate: Fingerprint | null;
  /** The gateways that speak for it too? */
  readonly gateways: boolean;
}

/**
 * Sends what `messageFor` makes of it for the delivery profile of each way: its own sessions, and those of every gateway that speaks for it; or
 * only on the way it was asked on. @returns the words that somebody took.
 */
export async function sendEach(
  app: SendDownContext,
  id: PrincipalId,
  asked: AskedOn,
  { certificate, gateways }: Audience,
  messageFor: (delivery: DeliveryProfile) => Promise<Said | null>,
): Promise<Set<DownWord>> {
  const taken = new Set<DownWord>();
  const all: Way[] = [null, ...(gateways ? speakersFor(app, id) : [])];
  for (const path of asked === 'everywhere'
    ? await withoutAbsent(app, id, all)
    : all.filter((each) => each === asked)) {
    const delivery = await deliveryProfileOf(app, id, path);
    const message = await messageFor(delivery);
    if (message && (await sendDown(app, id, delivery, message, { path, certificate })) > 0) taken.add(message.word);
  }
  return taken;
}

/** Nothing is read and encoded for a device that only its gateways listen for. Where nobody else is spoken to, it is as if it listened. */
async function withoutAbsent(
  app: Pick<Context, 'sessions'>,
  id: PrincipalId,
  [own = null, ...gateways]: readonly Way[],
): Promise<readonly Way[]> {
  if (gateways.length === 0) return [own];
  const words = ['offer', 'cert', 'done', 'error'] as const;
  const heard = await Promise.all(words.map((word) => app.sessions.listens(id, enrollmentTopic(id, word))));
  return heard.includes(true) ? [own, ...gateways] : gateways;
}

function hand(
  app: Pick<Context, 'store' | 'sessions' | 'clock'>,
  id: PrincipalId,
  word: DownWord,
  payload: Uint8Array,
  { path, certificate }: Hearers,
): Promise<number> {
  const topic = enrollmentTopic(id, word);
  if (path === null) return app.sessions.send(id, topic, payload, certificate);
  // Whether a session of its may hear is judged as it is sent.
  return speakersFor(app, id).includes(path) ? app.sessions.send(path, topic, payload) : Promise.resolve(0);
}

function tellTooLarge(
  app: Pick<Context, 'decisions'>,
  id: PrincipalId,
  delivery: DeliveryProfile,
  word: DownWord,
): void {
  app.decisions.tell({
    action: 'message.too_large',
    level: 'warn',
    reason: word,
    message: `${id}: ${word} in ${delivery.encoding} does not fit into packets of ${delivery.packetBytesMax} bytes`,
    fields: { 'nolapse.principal': id },
  });
}

function tellUnkept(app: Pick<Context, 'decisions'>, id: PrincipalId, error: unknown): void {
  app.decisions.tell({
    action: 'effect.failed',
    level: 'error',
    message: `${id}: what its renewal was refused could not be kept`,
    fields: { 'nolapse.principal': id, 'error.message': error instanceof Error ? error.message : String(error) },
  });
}
