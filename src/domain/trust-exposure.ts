// Who still believes a broker that a distrusted root vouches for, how each stands, and what is left to do. A root is distrusted where its key
// is in wrong hands, or that of an issuing CA below it: whoever has either can show a chain that every device verifies which trusts the root.
import type { IssuingSlot } from './issuing-slots.ts';
import type { RootSlot } from './root-slots.ts';
import type { Instant } from './time.ts';

/** What an operator has said of the key of a root. */
export const rootMarkKinds = ['compromised', 'key_lost'] as const;
export interface RootMark {
  readonly root: number;
  readonly kind: (typeof rootMarkKinds)[number];
  readonly at: Instant;
}

/** An issuing CA that its root has revoked, as far as it matters here. */
export type RevokedCa = Pick<IssuingSlot, 'number' | 'root'> & { readonly notAfter: Instant };

/** A root that devices must not trust any more, though some may. */
export interface DistrustedRoot {
  readonly root: number;
  /** Does the broker still depend on it? Then another one has to take its place at once. Else nobody is served by it any more. */
  readonly isInUse: boolean;
}

/** In order of number. One that was retired still counts: a device trusts it until it was told to give it up. */
export function distrustedRoots(
  slots: readonly RootSlot[],
  marks: readonly RootMark[],
  revoked: readonly RevokedCa[],
  now: Instant,
): DistrustedRoot[] {
  const isDistrusted = ({ number }: RootSlot): boolean =>
    marks.some(({ root, kind }) => root === number && kind === 'compromised') ||
    revoked.some(({ root, notAfter }) => root === number && notAfter > now);
  return slots
    .filter(({ state, notAfter }) => notAfter > now && state !== 'next' && state !== 'aborted')
    .filter(isDistrusted)
    .map(({ number, state }) => ({ root: number, isInUse: state !== 'retired' }));
}

export const exposureStandings = {
  never_connected: 'it never connected: bring it a package, or take it out of service',
  not_told:
    'it holds no newer root as far as is known: it is told when it connects and listens; else bring it a package',
  told: 'it was told of the newer root and does not say that it keeps it: see what its firmware reports, or bring it a package',
  stored: 'it keeps the newer root and has not connected under it: see that it can reach the port',
  trusts_both: 'it connects under the newer root and still trusts the older one: it gives that up when it is told to',
} as const;
export type ExposureStanding = keyof typeof exposureStandings;

export interface ExposurePlace {
  /** The root under which it connected last; 0: it never connected itself. */
  readonly last: number;
  /** The root that it is on its way to; 0: none. */
  readonly next: number;
  readonly isStored: boolean;
  /** Does it say, on its own connection, that it took a step in which a newer root drops the older ones? */
  readonly hasDropped: boolean;
}

/** @param root the distrusted one. @returns null: it does not trust that root any more, as it says itself. */
export function exposureTo(root: number, { last, next, isStored, hasDropped }: ExposurePlace): ExposureStanding | null {
  if (hasDropped) return null;
  if (last > root) return 'trusts_both';
  if (next > root) return isStored ? 'stored' : 'told';
  return last === 0 ? 'never_connected' : 'not_told';
}
