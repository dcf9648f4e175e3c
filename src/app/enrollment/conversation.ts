// Opens the conversation of one message: whether it may be taken at all, from whom and for whom it comes, and which of that principal's
// renewals it is about. What the ledger knows is read where it is changed, within the change, so that nothing is decided on what has passed.
import { mayPublish } from '../../domain/acl.ts';
import type { Refusal } from '../../domain/errors.ts';
import type { UpMessage } from '../../domain/message.ts';
import type { Encoding, Principal, PrincipalId } from '../../domain/principal.ts';
import type { Renewal } from '../../domain/renewal.ts';
import type { Instant } from '../../domain/time.ts';
import { isUpWord, parseEnrollmentTopic } from '../../domain/topics.ts';
import type { Reader } from '../../ports/store.ts';
import { decodeUp } from '../../wire/index.ts';
import type { Context } from '../context.ts';
import type { Way } from '../renewal/delivery-profile.ts';
import type { Session } from '../session.ts';
import type { WithTurns } from '../turns.ts';
import { objectToSpeaker, slowDown } from './act-for.ts';
import { maySpeak, type WithThrottles } from './throttle.ts';

/** Where a message came from: the session it arrived on and the encoding it was spoken in. */
export interface Sender {
  /** The principal it is about. */
  readonly id: PrincipalId;
  /** The gateway that spoke for it; null when it spoke itself. */
  readonly via: Way;
  readonly session: Session;
  readonly encoding: Encoding;
}

/** Characters of a device's own words that are kept or logged. */
export const detailLengthMax = 200;

export type Opening =
  | { readonly kind: 'open'; readonly sender: Sender; readonly message: UpMessage }
  /** Nobody is answered, and it is counted. */
  | { readonly kind: 'unanswered'; readonly refusal: Refusal }
  /** Who speaks is answered on its own topics, where it was not told the same often enough. */
  | { readonly kind: 'not_for_it'; readonly refusal: Refusal }
  /** A gateway is told what it may not do. */
  | { readonly kind: 'not_for_gateway'; readonly device: PrincipalId; readonly refusal: Refusal }
  /** It cannot be read. */
  | {
      readonly kind: 'unreadable';
      readonly id: PrincipalId;
      readonly via: Way;
      readonly encoding: Encoding;
      readonly refusal: Refusal;
    };

/** May this message be taken, as far as can be said without the renewal it is about? */
export async function openConversation(
  app: Pick<Context, 'store' | 'clock'> & WithThrottles & WithTurns,
  session: Session,
  topic: string,
  payload: Uint8Array,
): Promise<Opening> {
  const address = parseEnrollmentTopic(topic);
  const { id: self } = session.principal;
  if (!address || !isUpWord(address.word) || !mayPublish(session.access, topic)) {
    const code = address && !isUpWord(address.word) && address.id === self ? 'unknown_word' : 'not_authorized';
    return { kind: 'not_for_it', refusal: { code, detail: 'not a topic of yours to publish on' } };
  }
  const { id, word } = address;
  const via = id === self ? null : self;
  // One connection brings the messages of a whole site, hundreds at a time.
  if (via) await app.turns.take();
  const objection = via && objectToSpeaker(app, session, id);
  if (objection) return { kind: 'not_for_gateway', device: id, refusal: objection };
  if (!via && !maySpeak(app.throttles, self, self, app.clock.now())) return { kind: 'not_for_it', refusal: slowDown };
  if (session.introduced && (await app.store.read.wasSeen(self))) {
    // Its session is about to end, and what would be answered is the enrolled device's to read.
    const detail = 'the introduction is over: a certificate of this device is in use';
    return { kind: 'unanswered', refusal: { code: 'not_authorized', detail } };
  }
  const decoded = decodeUp(word, payload);
  if (!decoded.ok) return { kind: 'unreadable', id, via, encoding: decoded.encoding, refusal: decoded };
  return { kind: 'open', sender: { id, via, session, encoding: decoded.encoding }, message: decoded.message };
}

/** What judging takes beside the ledger. */
export type JudgeContext = Pick<Context, 'authority' | 'entropy' | 'policies' | 'profiles' | 'settings'>;

/** A moment at which the ledger is read. */
export interface Moment {
  readonly app: JudgeContext;
  readonly tx: Reader;
  readonly now: Instant;
}

/** What the ledger knows of whom a message is about, at the moment at which it is judged. */
export interface Conversation extends Moment {
  readonly sender: Sender;
  readonly principal: Principal | null;
  /** The renewal that the message names; null: it names none, or none of this principal's. */
  readonly renewal: Renewal | null;
}

/** Reads who it is about. Whatever else decides on a renewal that a message names takes it from here. */
export async function converse(
  { app, tx, now }: Moment,
  sender: Sender,
  renewalId: string | undefined,
): Promise<Conversation> {
  const named = renewalId === undefined ? null : await tx.renewal(renewalId);
  const renewal = named?.principalId === sender.id ? named : null;
  return { app, tx, now, sender, renewal, principal: await tx.principal(sender.id) };
}

export const unknownRenewal: Refusal = { code: 'unknown_renewal', detail: 'no renewal of yours has this id' };
export const renewalClosed: Refusal = { code: 'renewal_closed', detail: 'this renewal has ended' };

/**
 * Does a gateway speak in a first enrollment? It is between the device, which an anchor introduced by its own connection, and this
 * gateway: nobody else could show that the key asked for is the device's.
 */
export function objectToFirst({ sender, renewal }: Conversation): Refusal | null {
  if (sender.via === null || renewal === null || renewal.oldFingerprint !== null) return null;
  return { code: 'not_delegated', detail: "a first enrollment is the device's own" };
}
