// Whose an MQTT client id is, and the name under which the broker keeps the session that goes by it. A client id is its principal's
// id, or that with a colon and a suffix. Ids may hold colons themselves, so it could be several principals'; it is the one's whose id
// is the longest in the inventory. Names of sessions hold the principal apart from the suffix: no two principals ever share one,
// whatever the inventory held when either was admitted.
import { escapeName, unescapeName } from './escape.ts';
import { type PrincipalId, parsePrincipalId, reservedId } from './principal.ts';

/** Is this client id of the form that belongs to the principal? Whether a longer id has a better claim, {@link claimants} tells. */
export function hasFormOf(id: string, clientId: string): boolean {
  return clientId === id || clientId.startsWith(`${id}:`);
}

/**
 * The ids that would have a better claim to this client id than the principal's own, were they in the inventory: the longest first. None
 * for a client id without a suffix; never more than an id may have colons.
 */
export function claimants(id: PrincipalId, clientId: string): PrincipalId[] {
  if (!clientId.startsWith(`${id}:`)) return [];
  const found: PrincipalId[] = [];
  for (let end = clientId.indexOf(':', id.length + 1); end >= 0; end = clientId.indexOf(':', end + 1)) {
    const longer = parsePrincipalId(clientId.slice(0, end));
    if (longer) found.unshift(longer);
  }
  const whole = parsePrincipalId(clientId);
  return whole ? [whole, ...found] : found;
}

/** The ids that may have sessions under client ids that this one has a better claim to: what stands before each of its colons. */
export function outerIds(id: PrincipalId): PrincipalId[] {
  const found: PrincipalId[] = [];
  for (let end = id.indexOf(':'); end >= 0; end = id.indexOf(':', end + 1)) {
    const outer = parsePrincipalId(id.slice(0, end));
    if (outer) found.push(outer);
  }
  return found;
}

/** Random bytes in the client id that a client without one is given. */
export const assignedBytes = 16;

/** The client id of a client that came without one [MQTT-3.1.3-6]. No id holds a `~`: it is nobody else's, now or later. */
export function assignedClientId(id: PrincipalId, random: Uint8Array): string {
  return `${id}:~${Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** The name of a principal's session; `clientId` has the form of its own. Ids without `:` and `@` make names equal to client ids. */
export function sessionName(id: PrincipalId, clientId: string): string {
  return `${escapeName(id)}${clientId.slice(id.length)}`;
}

/** The name of a renew-only session, so that the real session's queue and subscriptions stay untouched. No principal has such an id. */
export function laneSessionName(id: PrincipalId, clientId: string): string {
  return `${reservedId}:${sessionName(id, clientId)}`;
}

/** The principal a session's name belongs to: all of it up to its suffix. */
export function ownerOfSession(name: string): string {
  const colon = name.indexOf(':');
  const owner = colon < 0 ? name : name.slice(0, colon);
  return unescapeName(owner) ?? owner;
}

/** The same with the client id under which the session's client came. Both together tell sessions apart; the client id alone does not. */
export function ownerAndClientOf(name: string): { readonly owner: string; readonly clientId: string } {
  const owner = ownerOfSession(name);
  const colon = name.indexOf(':');
  return { owner, clientId: owner + (colon < 0 ? '' : name.slice(colon)) };
}
