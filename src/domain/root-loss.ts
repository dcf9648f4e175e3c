// What goes on without the key of a root, until when, and what is to be done. Losing it cuts nobody off: it certifies issuing CAs and names
// the next root, and does nothing else.
import { type IssuingPolicy, type IssuingSlot, issuingDates } from './issuing-slots.ts';
import { inState, type RootSlot } from './root-slots.ts';
import type { Instant } from './time.ts';

/**
 * `retiring`: its successor is current already. `announced`, `prepared`: the next root was named before, so that its key is not needed.
 * `none`: no device can be told of another root; it has to be brought to each.
 */
export type Spare = 'retiring' | 'announced' | 'prepared' | 'none';

export interface RootLoss {
  readonly root: number;
  readonly spare: Spare;
  /** Until when certificates have their whole life: the last issuing CA below it is nearly as old. Null: none signs. */
  readonly wholeUntil: Instant | null;
  /** When the last issuing CA below it ends, and with it every certificate of the broker that this root vouches for. Null: there is none. */
  readonly worksUntil: Instant | null;
}

function spareOf(slots: readonly RootSlot[], root: RootSlot): Spare {
  if (root.state === 'former') return 'retiring';
  const next = inState(slots, 'next');
  if (!next) return 'none';
  return next.distributedAt === null ? 'prepared' : 'announced';
}

/** @param issuing those in a slot. @param policy of certificates and issuing CAs. */
export function rootLoss(
  slots: readonly RootSlot[],
  root: RootSlot,
  issuing: readonly IssuingSlot[],
  policy: IssuingPolicy,
): RootLoss {
  const signing = issuing.filter(({ root: above, state, certificate }) => {
    return above === root.number && (state === 'current' || state === 'next') && certificate !== null;
  });
  const last = signing.toSorted((a, b) => (b.certificate?.notAfter ?? 0) - (a.certificate?.notAfter ?? 0))[0];
  return {
    root: root.number,
    spare: spareOf(slots, root),
    wholeUntil: (last && issuingDates(last, policy)?.neededAt) ?? null,
    worksUntil: last?.certificate?.notAfter ?? null,
  };
}
