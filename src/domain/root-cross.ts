// A cross certificate: the newer of two roots, signed by the older one. It is an emergency means: devices that trust the older root alone
// then accept the newer root's chain on the first port. Which one is in use, and until when, is decided here.
import { inState, type PortPlan, type RootSlot } from './root-slots.ts';
import { dayMs, type Instant } from './time.ts';

export interface Cross {
  /** The number of the newer root, which it certifies. */
  readonly root: number;
  /** The number of the older root, which signed it. */
  readonly signer: number;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
}

/** How long one lives where nobody says otherwise, and at most: it is not to stay. */
export const crossLifetimeMs = 90 * dayMs;
export const crossLifetimeMaxMs = 365 * dayMs;
/** Share of its life before its end at which it is dropped: no device is ever shown one that has ended. */
const droppedShare = 1 / 20;

/** When it is dropped by itself, at the latest: well before it ends, and with it before its signer does. */
export function dropCrossAt({ notBefore, notAfter }: Cross): Instant {
  return notAfter - Math.ceil((notAfter - notBefore) * droppedShare);
}

/** The older and the newer of the two roots that a cross can lead from and to. Null: there is one root in use. */
export function crossable<S extends RootSlot>(slots: readonly S[]): { readonly signer: S; readonly root: S } | null {
  const [current, next, former] = [inState(slots, 'current'), inState(slots, 'next'), inState(slots, 'former')];
  if (current && next) return { signer: current, root: next };
  return current && former ? { signer: former, root: current } : null;
}

/** Its end where it is to live for so long: not after that of either root. */
export function crossEnd(pair: { readonly signer: RootSlot; readonly root: RootSlot }, wanted: Instant): Instant {
  return Math.min(wanted, pair.signer.notAfter, pair.root.notAfter);
}

/**
 * Why it is not shown; null: the first port shows the newer root's chain with it. It needs the older root on the first port and the newer
 * on the second, whose certificate it is shown above.
 */
export function objectToCross(
  cross: Cross,
  slots: readonly RootSlot[],
  { first, second }: Pick<PortPlan, 'first' | 'second'>,
  now: Instant,
): string | null {
  const { root, signer } = cross;
  if (now >= dropCrossAt(cross)) return `it ends ${new Date(cross.notAfter).toISOString()}`;
  const living = (number: number): boolean => slots.some((slot) => slot.number === number && isInUse(slot));
  if (!living(root)) return `root ${root} is no longer in use`;
  if (!living(signer)) return `root ${signer} is no longer in use`;
  if (first !== signer || second !== root) return `the ports do not show root ${signer} and root ${root} any more`;
  return null;
}

function isInUse({ state }: RootSlot): boolean {
  return state === 'next' || state === 'current' || state === 'former';
}

/** What keeps a root with this path length (null: none) from signing a cross that devices accept, as a clause; null: nothing. */
export function objectToSigner(pathLength: number | null): string | null {
  if (pathLength === null || pathLength >= 2) return null;
  return `has a path length of ${pathLength}: two CAs follow below it in such a chain, and most TLS stacks refuse that, as OpenSSL, mbedTLS and Go do`;
}
