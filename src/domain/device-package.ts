// What a device is given by hand when it has missed too much to renew itself: which of its certificates, which roots, and which ports in
// which order. Nothing is read or written here.
import type { LedgerEntry } from './certificate.ts';
import { inState, type PortPlan, type RootSlot } from './root-slots.ts';
import { type Light, lightsUntil } from './standing.ts';
import type { Instant } from './time.ts';

/**
 * The newest certificate that was seen in use and lets its principal in now. One that was issued and never seen does not count: nobody
 * knows that the device has its key. Null: there is none, and one is to be issued.
 */
export function usableCertificate<C extends Light & Pick<LedgerEntry, 'issuedAt' | 'notBefore'>>(
  held: readonly C[],
  now: Instant,
): C | null {
  const usable = held.filter((each) => {
    return each.activatedAt !== null && each.notBefore <= now && lightsUntil(each) > now;
  });
  return usable.toSorted((a, b) => b.issuedAt - a.issuedAt)[0] ?? null;
}

/** The roots that a device is to hold from now on, in the order in which it accepts them: the current one, then a next one that is announced. */
export function rootsToTrust<S extends RootSlot>(slots: readonly S[]): S[] {
  const next = inState(slots, 'next');
  return [inState(slots, 'current'), next && next.distributedAt !== null ? next : null].filter((each) => each !== null);
}

/** A port, and the number of the root whose chain it shows now; null: none that a device is to trust yet. */
export interface PackagedPort {
  readonly port: number;
  readonly root: number | null;
}

/**
 * The ports that a device is to know, in the order in which it is to try them: those first that show the chain of a root that it is
 * given. The first port is always among them; the other one as soon as devices were told of it.
 * @param nextPort null: there is none.
 */
export function portsToTry(
  plan: PortPlan,
  { port, nextPort }: { readonly port: number; readonly nextPort: number | null },
  trusted: readonly Pick<RootSlot, 'number'>[],
): PackagedPort[] {
  const shown = (root: number): number | null => (trusted.some(({ number }) => number === root) ? root : null);
  const first: PackagedPort = { port, root: shown(plan.first) };
  const second = nextPort === null || plan.second === null ? null : { port: nextPort, root: shown(plan.second) };
  // Of a root that was given up, or that nobody was told of, the port is of no use.
  if (second === null || second.root === null) return [first];
  return first.root === null ? [second, first] : [first, second];
}

/** Names of the broker's machine that mean another one elsewhere: IPv6 addresses among them, which not every client takes. */
const here = /^(localhost|127\.|.*:)/;

/** The broker's names, those first that lead to it from another machine. */
export function namesToTry(names: readonly string[]): string[] {
  return [...names.filter((name) => !here.test(name)), ...names.filter((name) => here.test(name))];
}
