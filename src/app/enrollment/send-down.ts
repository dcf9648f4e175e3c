// Sends a message of the gateway to its device, on its own connection and through the gateways that speak for it: on each of these
// ways encoded as the device speaks there, and never larger than what it takes there. A message that does not fit is not sent, and told.
import type { Fingerprint } from '../../domain/certificate.ts';
import type { DownMessage } from '../../domain/message.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import { type DownWord, enrollmentTopic } from '../../domain/topics.ts';
import type { App } from '../context.ts';
import { canBeTold, fitted, type Manner, mannerOf, type Way } from '../renewal/manner.ts';
import { speakersFor } from './delegations.ts';

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
function shortened(id: PrincipalId, manner: Manner, message: DownMessage): Uint8Array | null {
  for (const each of shortenings(message)) {
    const payload = fitted(id, manner, each);
    if (payload) return payload;
  }
  return null;
}

/** Whose sessions are spoken to. */
export interface Hearers {
  readonly path: Way;
  /** Of the principal's own sessions, only those opened with this certificate; null: all. */
  readonly certificate: Fingerprint | null;
}

const itself: Hearers = { path: null, certificate: null };

/**
 * Sends a message to the sessions of one way that listen for it. One that does not fit is told, and its code said in its place where
 * at least that fits. @returns how many took the message.
 */
export async function sendDown(
  app: App,
  id: PrincipalId,
  manner: Manner,
  message: DownMessage,
  hearers: Hearers = itself,
): Promise<number> {
  // Nothing is begun that could not be finished.
  const payload = message.word === 'error' || canBeTold(id, manner) ? shortened(id, manner, message) : null;
  if (payload) return hand(app, id, message.word, payload, hearers);
  tellTooLarge(app, id, manner, message);
  const error = fitted(id, manner, { word: 'error', code: 'packet_too_small' });
  if (error) await hand(app, id, 'error', error, hearers);
  return 0;
}

/** The way back to who asked: the sessions of one speaker, and of a principal that speaks for itself those with its certificate. */
export interface Path {
  readonly speaker: PrincipalId;
  readonly certificate: Fingerprint | null;
}

/** Sends what concerns nobody but who asked for it. @returns how many sessions took it. */
export async function sendTo(
  app: App,
  { speaker, certificate }: Path,
  id: PrincipalId,
  manner: Manner,
  message: DownMessage,
): Promise<number> {
  const payload = shortened(id, manner, message);
  if (payload) return app.sessions.send(speaker, enrollmentTopic(id, message.word), payload, certificate);
  tellTooLarge(app, id, manner, message);
  return 0;
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
 * Sends what `messageFor` makes of it for the manner of each way: its own sessions, and those of every gateway that speaks for it; or
 * only on the way it was asked on. @returns the words that somebody took.
 */
export async function sendEach(
  app: App,
  id: PrincipalId,
  asked: AskedOn,
  { certificate, gateways }: Audience,
  messageFor: (manner: Manner) => Promise<DownMessage | null>,
): Promise<Set<DownWord>> {
  const taken = new Set<DownWord>();
  const all: Way[] = [null, ...(gateways ? speakersFor(app, id) : [])];
  for (const path of asked === 'everywhere' ? all : all.filter((each) => each === asked)) {
    const manner = await mannerOf(app, id, path);
    const message = await messageFor(manner);
    if (message && (await sendDown(app, id, manner, message, { path, certificate })) > 0) taken.add(message.word);
  }
  return taken;
}

function hand(
  app: App,
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

function tellTooLarge(app: App, id: PrincipalId, manner: Manner, message: DownMessage): void {
  app.journal.tell({
    action: 'message.too_large',
    level: 'warn',
    reason: message.word,
    message: `${id}: ${message.word} in ${manner.encoding} does not fit into packets of ${manner.packetBytesMax} bytes`,
    fields: { 'nolapse.principal': id },
  });
}
