// A device fetches its replacement: as many bytes as it asks for, from any offset, in parts that each fit into what it can take.
import type { Refusal } from '../../domain/errors.ts';
import type { GetMessage } from '../../domain/message.ts';
import type { PrincipalId } from '../../domain/principal.ts';
import { isOpen, type Renewal } from '../../domain/renewal.ts';
import { partBytesWithin } from '../../wire/index.ts';
import { type Changing, change, step } from '../change.ts';
import { type DeliveryProfile, deliveryProfileOf, roomFor, type Way } from '../renewal/delivery-profile.ts';
import {
  converse,
  type JudgeContext,
  objectToFirst,
  renewalClosed,
  type Sender,
  unknownRenewal,
} from './conversation.ts';
import { keepStepFetched, stepToFetch } from './receive-step.ts';
import { fetchedUnder, replacementOf } from './replacement.ts';
import { type SendDownContext, sendDown } from './send-down.ts';

type ReceiveGetContext = SendDownContext & Changing & JudgeContext;

/** Takes a request for parts. One is answered by as many parts as it takes, in order; the same request again by the same parts. */
export async function receiveGet(app: ReceiveGetContext, sender: Sender, get: GetMessage): Promise<Refusal | null> {
  const conversation = await converse({ app, tx: app.store.read, now: app.clock.now() }, sender, get.renewal);
  const objection = objectToFirst(conversation);
  if (objection) return objection;
  const { renewal } = conversation;
  if (!renewal) return getStep(app, sender, get);
  if (!isOpen(renewal)) return renewalClosed;
  const replacement = await replacementOf(app, renewal);
  if (!replacement) return { code: 'wrong_state', detail: 'there is nothing to fetch' };
  const whole = fetchedUnder(app, renewal, await deliveryProfileOf(app, sender.id, sender.via), replacement);
  const sent = await answerWith(app, sender, get, whole);
  if (typeof sent !== 'number') return sent;
  if (sent === whole.length) await keepDelivered(app, sender, renewal);
  return null;
}

/** The same of a step of a root. */
async function getStep(app: ReceiveGetContext, sender: Sender, get: GetMessage): Promise<Refusal | null> {
  const whole = await stepToFetch(app, sender, get);
  if (!whole) return unknownRenewal;
  const sent = await answerWith(app, sender, get, whole);
  if (typeof sent !== 'number') return sent;
  if (sent === whole.length) await keepStepFetched(app, sender, get.renewal);
  return null;
}

/** Sends the stretch that is asked for. @returns up to where somebody took it. */
async function answerWith(
  app: ReceiveGetContext,
  { id, via, encoding }: Sender,
  get: GetMessage,
  whole: Uint8Array,
): Promise<Refusal | number> {
  if (get.length === 0 || get.offset >= whole.length) {
    return { code: 'part_out_of_range', detail: `of ${whole.length} bytes` };
  }
  const asked = whole.subarray(0, Math.min(whole.length, get.offset + get.length));
  const delivery = await deliveryProfileOf(app, id, via, encoding);
  const about = { renewal: get.renewal, id };
  const stretch = { bytes: asked, offset: get.offset, total: whole.length };
  const sent = await sendParts(app, about, delivery, via, stretch);
  return sent ?? { code: 'packet_too_small', detail: 'no part fits' };
}

/** What to send: `bytes` from `offset` to their end, of `total` there are. */
interface Stretch {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly total: number;
}

/** @returns up to where they were sent to somebody; null when the device's packets hold no byte of a part. */
async function sendParts(
  app: ReceiveGetContext,
  { renewal, id }: { readonly renewal: string; readonly id: PrincipalId },
  delivery: DeliveryProfile,
  path: Way,
  { bytes, offset, total }: Stretch,
) {
  const room = roomFor(id, 'part', delivery);
  for (let at = offset; at < bytes.length; ) {
    const length = partBytesWithin(delivery.encoding, { renewal, offset: at, total }, room);
    if (length === 0) return null;
    const part = { renewal, offset: at, total, bytes: bytes.subarray(at, at + length) };
    const taken = await sendDown(app, id, delivery, { word: 'part', ...part }, { path, certificate: null });
    if (taken === 0) return at;
    at += part.bytes.length;
  }
  return bytes.length;
}

/** The last byte has been sent; what the device makes of it, it will say. */
function keepDelivered(app: ReceiveGetContext, sender: Sender, sent: Renewal): Promise<void> {
  return change(app, async (within) => {
    const { renewal, principal } = await converse(within, sender, sent.id);
    if (!renewal || !principal || renewal.newFingerprint !== sent.newFingerprint) return;
    await step(within, renewal, { type: 'delivered' }, principal);
  });
}
