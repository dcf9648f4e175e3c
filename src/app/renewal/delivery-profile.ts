// How a principal is spoken to on each way there is to it, and what fits into the largest packet it takes there.
import type { DownMessage } from '../../domain/message.ts';
import { packetBytesDefault, payloadRoom } from '../../domain/packet.ts';
import type { CarriedContact, Contact, Encoding, Principal, PrincipalId } from '../../domain/principal.ts';
import { renewalIdLength } from '../../domain/renewal.ts';
import { enrollmentTopic } from '../../domain/topics.ts';
import { encodeDown, partBytesWithin } from '../../wire/index.ts';
import type { Context } from '../context.ts';

/** Unix seconds as long as any of this century. */
const someTime = 4_000_000_000;

/** The way to a principal: null is its own connection, else through the gateway of this id. */
export type Way = PrincipalId | null;

/** How to speak to a principal. */
export interface DeliveryProfile {
  readonly encoding: Encoding;
  /** The largest MQTT packet it takes, in bytes. */
  readonly packetBytesMax: number;
}

/**
 * How to speak to a principal on this way; `encoding` is that of the message being answered, if one is. On its own
 * connection: as it last said there, else as the inventory says. Through a gateway: as was said through that one, else no larger
 * than what either of the two others allows. What one way brought never counts on another but so.
 */
export async function deliveryProfileOf(
  app: Pick<Context, 'store'>,
  id: PrincipalId,
  path: Way = null,
  encoding?: Encoding,
): Promise<DeliveryProfile> {
  const { read } = app.store;
  const said = { own: await read.contact(id), carried: path === null ? [] : await read.carriedContacts(id) };
  return deliveryProfileFor(await read.principal(id), said, path, encoding);
}

/** What a principal said of itself, and what gateways said of it. */
export interface Said {
  readonly own: Contact | null;
  readonly carried: readonly CarriedContact[];
}

/** The same from what is known of it. */
export function deliveryProfileFor(
  principal: Principal | null,
  { own, carried }: Said,
  path: Way,
  encoding?: Encoding,
): DeliveryProfile {
  const written = principal?.packetBytesMax ?? packetBytesDefault;
  if (path === null) {
    return {
      encoding: encoding ?? own?.encoding ?? principal?.encoding ?? 'json',
      packetBytesMax: own?.packetBytesMax ?? written,
    };
  }
  const there = carried.find(({ gatewayId }) => gatewayId === path);
  return {
    encoding: encoding ?? there?.encoding ?? own?.encoding ?? principal?.encoding ?? 'json',
    packetBytesMax: there?.packetBytesMax ?? Math.min(own?.packetBytesMax ?? written, written),
  };
}

/** Bytes of payload a message with this word may have. */
export function roomFor(id: PrincipalId, word: DownMessage['word'], { packetBytesMax }: DeliveryProfile): number {
  return payloadRoom(enrollmentTopic(id, word), packetBytesMax);
}

/** The message's payload, or null when it is larger than the device can take. */
export function fitted(id: PrincipalId, delivery: DeliveryProfile, message: DownMessage): Uint8Array | null {
  const payload = encodeDown(delivery.encoding, message);
  return payload.length <= roomFor(id, message.word, delivery) ? payload : null;
}

/** Can a whole renewal be had in packets of the size that this principal takes? */
export function canBeTold(id: PrincipalId, delivery: DeliveryProfile): boolean {
  // With the longest id and in either encoding.
  if (delivery.packetBytesMax >= packetBytesDefault) return true;
  const renewal = 'x'.repeat(renewalIdLength);
  const size = 9_999;
  const offer = { word: 'offer', renewal, mode: 'recertify', deadline: someTime, now: someTime, size } as const;
  const part = { renewal, offset: size, total: size };
  return (
    fitted(id, delivery, offer) !== null && partBytesWithin(delivery.encoding, part, roomFor(id, 'part', delivery)) > 0
  );
}
