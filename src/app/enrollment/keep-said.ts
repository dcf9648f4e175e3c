// Keeps what is said of a device on one way: on its own connection by the device, or through a gateway that speaks for it. What one
// says changes nothing of what is known by the other.
import { type Contact, nothingSaid, type PrincipalId } from '../../domain/principal.ts';
import type { Instant } from '../../domain/time.ts';
import type { Transaction } from '../../ports/store.ts';
import type { Way } from '../renewal/manner.ts';

type Said = Partial<Pick<Contact, 'encoding' | 'packetBytesMax' | 'slots' | 'clockSkewMs'>>;

/** What is not said stays as it was. The device was heard in either case. */
export async function keepSaid(tx: Transaction, id: PrincipalId, path: Way, said: Said, now: Instant): Promise<void> {
  const blank = { ...nothingSaid, principalId: id };
  const own = (await tx.contact(id)) ?? blank;
  if (path === null) return tx.putContact({ ...own, ...said, lastSeenAt: now });
  const carried = (await tx.carriedContacts(id)).find(({ gatewayId }) => gatewayId === path) ?? blank;
  await tx.putCarriedContact({ ...carried, ...said, gatewayId: path, lastSeenAt: now });
  await tx.putContact({ ...own, lastSeenAt: now });
}
