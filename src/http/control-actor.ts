// How a caller of the control socket says who it is. Node cannot ask the kernel for the other end of a socket, and who may open this one
// is the home's owner or root: what the caller says is kept as a claim.
import type { Actor } from '../domain/actor.ts';

export const actorHeader = 'nolapse-actor';

/** A name and a reason, each of which may be any text. */
export function sayActor({ name, reason }: Actor): string {
  return encodeURIComponent(JSON.stringify({ name, ...(reason !== null && { reason }) }));
}

/** Null: it is no such thing. What a name and a reason may be, the operations judge. */
export function readActor(said: string): Actor | null {
  try {
    const value: unknown = JSON.parse(decodeURIComponent(said));
    if (typeof value !== 'object' || value === null) return null;
    const { name, reason = null, ...others } = value as Record<string, unknown>;
    if (typeof name !== 'string' || (typeof reason !== 'string' && reason !== null)) return null;
    if (Object.keys(others).length > 0) return null;
    return { name, channel: 'control socket', claimed: true, reason: reason?.trim() || null };
  } catch {
    return null;
  }
}
