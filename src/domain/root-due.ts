// What somebody has to do about the roots of a home by now. A root takes no step by itself: its keys, or whoever releases it, are elsewhere.
import type { Severity } from './alert.ts';
import { currentRoot, inState, type RootPolicy, type RootSlot, shouldPrepare, warnFrom } from './root-slots.ts';
import type { Instant } from './time.ts';

/** In the order in which they come. */
export type RootDueStep = 'set_port' | 'prepare' | 'install' | 'back_up';

export interface RootDue {
  readonly step: RootDueStep;
  /** The present root, and its end. */
  readonly root: number;
  readonly endsAt: Instant;
  /** Critical from when on the present root is near its end. */
  readonly severity: Severity;
}

export interface RootStanding {
  readonly slots: readonly (RootSlot & { readonly backupAt: Instant | null })[];
  /** Does a next root wait for what is made or signed elsewhere? */
  readonly isAwaited: boolean;
  /** Is there a port for a next root? */
  readonly hasPort: boolean;
}

function stepDue({ slots, isAwaited, hasPort }: RootStanding, policy: RootPolicy, now: Instant): RootDueStep | null {
  if (isAwaited) return 'install';
  const next = inState(slots, 'next');
  if (next) return (next.backupAt ?? Number.NEGATIVE_INFINITY) < next.preparedAt ? 'back_up' : null;
  const { isDue, objections } = shouldPrepare(slots, policy, 0, now);
  if (!isDue || objections.length > 0) return null;
  return hasPort ? 'prepare' : 'set_port';
}

/** Null: nothing is to be done. */
export function rootDue(standing: RootStanding, policy: RootPolicy, now: Instant): RootDue | null {
  const step = stepDue(standing, policy, now);
  if (step === null) return null;
  const root = currentRoot(standing.slots);
  const severity = now >= warnFrom(root, policy) ? 'critical' : 'warning';
  return { step, root: root.number, endsAt: root.notAfter, severity };
}
