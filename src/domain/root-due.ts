// What somebody has to do about the roots of a home by now. A root takes no step by itself: its keys, or whoever releases it, are elsewhere.
import type { Severity } from './alert.ts';
import {
  type Advice,
  currentRoot,
  inState,
  type RootPolicy,
  type RootSlot,
  shouldActivate,
  shouldDistribute,
  shouldPrepare,
  shouldRetire,
  warnFrom,
} from './root-slots.ts';
import type { Instant } from './time.ts';

/** In the order in which they come. */
export type RootDueStep =
  | 'set_port'
  | 'prepare'
  | 'install'
  | 'sign_drop'
  | 'back_up'
  | 'distribute'
  | 'activate'
  | 'retire';

export interface RootDue {
  readonly step: RootDueStep;
  /** The root that is to be left, and its end. */
  readonly root: number;
  readonly endsAt: Instant;
  /** Critical from when on that root is near its end. */
  readonly severity: Severity;
}

export interface RootStanding {
  readonly slots: readonly (RootSlot & { readonly backupAt: Instant | null })[];
  /** Does a next root wait for what is made or signed elsewhere? */
  readonly isAwaited: boolean;
  /** Is the step in which the new root drops the older ones to be signed elsewhere? */
  readonly isDropMissing: boolean;
  /** Is there a port for a next root? */
  readonly hasPort: boolean;
  /** Principals whose last CONNECT was on the port of a root that was given up. */
  readonly onAborted: number;
}

const nobody = { count: 0, accepted: 0 };
const isDue = (advice: Advice): boolean => advice.isDue && advice.objections.length === 0;

/** What comes after a root was prepared: whatever it waits for, an operator has to see to it. */
function withNext({ slots, isDropMissing }: RootStanding, policy: RootPolicy, now: Instant): RootDueStep | null {
  const next = inState(slots, 'next');
  if (!next) return null;
  if (isDropMissing) return 'sign_drop';
  if ((next.backupAt ?? Number.NEGATIVE_INFINITY) < next.preparedAt) return 'back_up';
  // Whether its port can be reached is found out by the step itself.
  const ready = { backupAt: next.backupAt, isDropSigned: true, isReached: true };
  if (next.distributedAt === null) return isDue(shouldDistribute(slots, policy, ready, now)) ? 'distribute' : null;
  // Whoever has not proved it by then has to be seen to.
  return isDue(shouldActivate(slots, policy, { unproved: nobody }, now)) ? 'activate' : null;
}

function stepDue(standing: RootStanding, policy: RootPolicy, now: Instant): RootDueStep | null {
  const { slots, isAwaited, isDropMissing, hasPort, onAborted } = standing;
  if (isAwaited) return 'install';
  if (inState(slots, 'next')) return withNext(standing, policy, now);
  if (inState(slots, 'former')) {
    if (isDropMissing) return 'sign_drop';
    return isDue(shouldRetire(slots, policy, { onOldPort: nobody }, now)) ? 'retire' : null;
  }
  if (!isDue(shouldPrepare(slots, policy, onAborted, now))) return null;
  return hasPort ? 'prepare' : 'set_port';
}

/** Null: nothing is to be done. */
export function rootDue(standing: RootStanding, policy: RootPolicy, now: Instant): RootDue | null {
  const step = stepDue(standing, policy, now);
  if (step === null) return null;
  const root = inState(standing.slots, 'former') ?? currentRoot(standing.slots);
  const severity = now >= warnFrom(root, policy) ? 'critical' : 'warning';
  return { step, root: root.number, endsAt: root.notAfter, severity };
}
