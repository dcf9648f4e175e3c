// What is known of a device once something was said of it on one way: on its own connection by the device, or through a gateway that speaks
// for it. What one says changes nothing of what is known by the other.
import { type CarriedContact, type Contact, nothingSaid, type PrincipalId } from '../../domain/principal.ts';
import type { Instant } from '../../domain/time.ts';
import type { Reader, Transaction } from '../../ports/store.ts';
import type { Way } from '../renewal/delivery-profile.ts';

/** What was said of a device. What was not said stays as it was. */
export type Saying = Partial<Pick<Contact, 'encoding' | 'packetBytesMax' | 'slots' | 'clockSkewMs'>>;

/** What is known from now on; `carried`: by the gateway through which it was said. */
export interface Known {
  readonly own: Contact;
  readonly carried: CarriedContact | null;
}

/** The device was heard in either case. */
export async function knownAfter(
  read: Reader,
  id: PrincipalId,
  path: Way,
  saying: Saying,
  now: Instant,
): Promise<Known> {
  const blank = { ...nothingSaid, principalId: id };
  const before = (await read.contact(id)) ?? blank;
  const own = { ...before, ...(path === null && saying), lastSeenAt: now };
  if (path === null) return { own, carried: null };
  const known = (await read.carriedContacts(id)).find(({ gatewayId }) => gatewayId === path) ?? blank;
  return { own, carried: { ...known, ...saying, gatewayId: path, lastSeenAt: now } };
}

export async function keepKnown(tx: Transaction, { own, carried }: Known): Promise<void> {
  await tx.putContact(own);
  if (carried) await tx.putCarriedContact(carried);
}
