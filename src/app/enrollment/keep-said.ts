// Keeps what is said of a device on one way: on its own connection by the device, or through a gateway that speaks for it. What one
// says changes nothing of what is known by the other.
import { type Contact, nothingSaid, type PrincipalId } from '../../domain/principal.ts';
import type { Instant } from '../../domain/time.ts';
import type { Transaction } from '../../ports/store.ts';
import type { Said, Way } from '../renewal/manner.ts';

type Saying = Partial<Pick<Contact, 'encoding' | 'packetBytesMax' | 'slots' | 'clockSkewMs'>>;

/** What is not said stays as it was. The device was heard in either case. @returns what is known on this way from now on. */
export async function keepSaid(
  tx: Transaction,
  id: PrincipalId,
  path: Way,
  saying: Saying,
  now: Instant,
): Promise<Said> {
  const blank = { ...nothingSaid, principalId: id };
  const before = (await tx.contact(id)) ?? blank;
  const own = { ...before, ...(path === null && saying), lastSeenAt: now };
  await tx.putContact(own);
  if (path === null) return { own, carried: [] };
  const known = (await tx.carriedContacts(id)).find(({ gatewayId }) => gatewayId === path) ?? blank;
  const carried = { ...known, ...saying, gatewayId: path, lastSeenAt: now };
  await tx.putCarriedContact(carried);
  return { own, carried: [carried] };
}
