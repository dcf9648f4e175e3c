// The slots of roots: which root signs, which is prepared for it, which still serves, and what is to be done about them when. Which
// port serves whose chain follows from them. Nothing is made, announced or signed here.
import type { Fingerprint } from './certificate.ts';
import { type Instant, type Span, spanMs } from './time.ts';
import type { RootStep } from './trust-approval.ts';
import type { Confirmations } from './trust-proof.ts';

/**
 * `next`: prepared, perhaps distributed. `current`: what new devices get. `former`: still serves those that have not left it. `aborted`:
 * given up before it was current. The last two have ended; a number is never used again.
 */
export const rootStates = ['next', 'current', 'former', 'retired', 'aborted'] as const;
export type RootState = (typeof rootStates)[number];

export interface RootSlot {
  /** From 1 on, in the order in which they were prepared. */
  readonly number: number;
  readonly state: RootState;
  readonly fingerprint: Fingerprint;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly preparedAt: Instant;
  /** From when on it is announced to devices; null: it is not. */
  readonly distributedAt: Instant | null;
  readonly activatedAt: Instant | null;
}

/** When each step is due. Shares are of the present root's life. */
export interface RootPolicy {
  readonly prepareAt: Span;
  readonly distributeAt: Span;
  readonly activateAt: Span;
  /** How long the former root stays after its successor became current, though nobody depends on it. */
  readonly retireAfter: Span;
  /** How long before the end of the root before it is told who will not make it. */
  readonly warnAhead: Span;
}

/**
 * Of a root of 20 years: the next is prepared and distributed ten years before its end, for a spare that devices hold already is also
 * what survives the loss of a key; it becomes current five years before. The old one stays for a year after that, and who will not
 * make it is told a year ahead.
 */
export const rootPolicyDefault: RootPolicy = {
  prepareAt: { kind: 'share', share: 0.5 },
  distributeAt: { kind: 'share', share: 0.5 },
  activateAt: { kind: 'share', share: 0.75 },
  retireAfter: { kind: 'share', share: 0.05 },
  warnAhead: { kind: 'share', share: 0.05 },
};

const atOnce: Span = { kind: 'share', share: 0 };

/** Where a root is to be left at once: every step is due as soon as it can be taken, and it is told loudly. */
export function hastened(policy: RootPolicy): RootPolicy {
  return {
    ...policy,
    prepareAt: atOnce,
    distributeAt: atOnce,
    activateAt: atOnce,
    retireAfter: atOnce,
    warnAhead: { kind: 'share', share: 1 },
  };
}

/** What stands in the way of a step. */
export const rootObjections = {
  next_exists: 'there is a next root already',
  no_next: 'no next root is prepared',
  former_exists: 'the former root is not retired yet',
  no_free_port: 'principals connected last on the port of an aborted root',
  no_backup: 'no backup that was made after the root was prepared is confirmed',
  no_drop: 'the step in which the next root drops the older ones is not signed',
  not_reached: 'the public address of the second port was not seen to lead to the next root alone',
  not_distributed: 'the next root was not distributed',
  unproved: 'active principals have not proved the next root, and nobody has accepted that',
  no_former: 'there is no former root',
  on_old_port: 'principals connected last on the port of the former root, and nobody has accepted that',
} as const;
export type RootObjection = keyof typeof rootObjections;

/** When a step is due, and what stands in its way. Without objections it may be taken before it is due. */
export interface Advice {
  /** Null: not before something else has happened. */
  readonly dueAt: Instant | null;
  readonly isDue: boolean;
  readonly objections: readonly RootObjection[];
}

function advice(dueAt: Instant | null, now: Instant, objections: readonly (RootObjection | false)[]): Advice {
  const found = objections.filter((each) => each !== false);
  return { dueAt, isDue: dueAt !== null && dueAt <= now, objections: found };
}

export const inState = <S extends RootSlot>(slots: readonly S[], state: RootState): S | null =>
  slots.find((each) => each.state === state) ?? null;

/** The root that new devices get. @throws RangeError where there is none: a home is made with one. */
export function currentRoot<S extends RootSlot>(slots: readonly S[]): S {
  const current = inState(slots, 'current');
  if (!current) throw new RangeError('no root is current');
  return current;
}

function sharesOf({ notBefore, notAfter }: RootSlot, span: Span): number {
  return spanMs(span, notAfter - notBefore);
}

/** Whose chain each port serves, by the root's number. */
export interface PortPlan {
  readonly first: number;
  /** Null: no rollover was ever begun, and nobody knows of the port. */
  readonly second: number | null;
  /** May the next root have the second port? */
  readonly isSecondFree: boolean;
}

/**
 * The first port serves the present root until that has ended or everybody has left it; the second serves the next root alone. Then the
 * first serves the next root too, and the second is free. An aborted root's port stays until the last that connected there has left.
 * @param onAborted principals whose last CONNECT was on the port of the aborted root.
 */
export function portPlan(slots: readonly RootSlot[], onAborted: number, now: Instant): PortPlan {
  const current = currentRoot(slots);
  const [next, former] = [inState(slots, 'next'), inState(slots, 'former')];
  const isServed = former !== null && former.notAfter > now;
  if (isServed) return { first: former.number, second: current.number, isSecondFree: false };
  const first = current.number;
  if (next) return { first, second: next.number, isSecondFree: false };
  const aborted = slots.findLast(({ state, distributedAt }) => state === 'aborted' && distributedAt !== null);
  if (aborted && onAborted > 0) return { first, second: aborted.number, isSecondFree: false };
  // Devices begin with the port that worked last, and nothing is to be gained by having them wait there.
  const wasUsed = slots.some(({ state }) => state === 'retired' || state === 'former' || state === 'aborted');
  return { first, second: wasUsed ? first : null, isSecondFree: former === null };
}

/** Is a next root to be prepared? It needs a free port. */
export function shouldPrepare(slots: readonly RootSlot[], policy: RootPolicy, onAborted: number, now: Instant): Advice {
  const current = currentRoot(slots);
  const next = inState(slots, 'next');
  const dueAt = next ? null : current.notBefore + sharesOf(current, policy.prepareAt);
  if (next) return advice(dueAt, now, ['next_exists']);
  if (inState(slots, 'former')) return advice(dueAt, now, ['former_exists']);
  return advice(dueAt, now, [!portPlan(slots, onAborted, now).isSecondFree && 'no_free_port']);
}

/** What is known about the next root before it is announced. */
export interface Readiness {
  /** When the newest backup that somebody has confirmed was made; null: none. */
  readonly backupAt: Instant | null;
  /** Has the next root signed the step in which it drops the older ones? Afterwards no root's key is needed. */
  readonly isDropSigned: boolean;
  /** Did the broker reach its own public address at the second port, verified by the next root alone and not by the present one? */
  readonly isReached: boolean;
}

/** Is the next root to be announced to devices? Only once a backup has its key, and its port is seen to work. */
export function shouldDistribute(
  slots: readonly RootSlot[],
  policy: RootPolicy,
  { backupAt, isDropSigned, isReached }: Readiness,
  now: Instant,
): Advice {
  const current = currentRoot(slots);
  const next = inState(slots, 'next');
  if (!next) return advice(null, now, ['no_next']);
  const dueAt = Math.max(next.preparedAt, current.notBefore + sharesOf(current, policy.distributeAt));
  return advice(next.distributedAt === null ? dueAt : null, now, [
    (backupAt ?? Number.NEGATIVE_INFINITY) < next.preparedAt && 'no_backup',
    !isDropSigned && 'no_drop',
    !isReached && 'not_reached',
  ]);
}

/** Is the next root to become current? Only when every active principal has proved it, or an operator has accepted the rest by name. */
export function shouldActivate(
  slots: readonly RootSlot[],
  policy: RootPolicy,
  { unproved }: Pick<Confirmations, 'unproved'>,
  now: Instant,
): Advice {
  const current = currentRoot(slots);
  const next = inState(slots, 'next');
  if (!next) return advice(null, now, ['no_next']);
  if (next.distributedAt === null) return advice(null, now, ['not_distributed']);
  const dueAt = Math.max(next.distributedAt, current.notBefore + sharesOf(current, policy.activateAt));
  return advice(dueAt, now, [unproved.count > unproved.accepted && 'unproved']);
}

/** Is the former root to end? Not while anybody connected last on its port, unless an operator has named them, or the root has ended. */
export function shouldRetire(
  slots: readonly RootSlot[],
  policy: RootPolicy,
  { onOldPort }: Pick<Confirmations, 'onOldPort'>,
  now: Instant,
): Advice {
  const former = inState(slots, 'former');
  if (!former) return advice(null, now, ['no_former']);
  const since = currentRoot(slots).activatedAt ?? now;
  const dueAt = Math.min(former.notAfter, since + sharesOf(former, policy.retireAfter));
  const isInUse = former.notAfter > now && onOldPort.count > onOldPort.accepted;
  return advice(dueAt, now, [isInUse && 'on_old_port']);
}

/** From when on those are named who will not have proved the root's successor when it ends. */
export function warnFrom(root: RootSlot, policy: RootPolicy): Instant {
  return root.notAfter - sharesOf(root, policy.warnAhead);
}

/** The root that is about to be left, by whose end everybody has to have proved its successor; null: no rollover is under way. */
export function rootToLeave(slots: readonly RootSlot[]): RootSlot | null {
  const next = inState(slots, 'next');
  return inState(slots, 'former') ?? (next && next.distributedAt !== null ? currentRoot(slots) : null);
}

/** The slots after a step that may be taken. Whether it may is asked of the functions above. @throws RangeError where there is nothing to take it on. */
export function afterRootStep<S extends RootSlot>(
  slots: readonly S[],
  step: Exclude<RootStep, 'prepare'>,
  now: Instant,
): S[] {
  const subject = inState(slots, step === 'retire' ? 'former' : 'next');
  if (!subject) throw new RangeError(`${step}: ${rootObjections[step === 'retire' ? 'no_former' : 'no_next']}`);
  const put = (changed: S): S[] => slots.map((each) => (each.number === changed.number ? changed : each));
  switch (step) {
    case 'distribute':
      return put({ ...subject, distributedAt: subject.distributedAt ?? now });
    case 'activate':
      return put({ ...subject, state: 'current', activatedAt: now }).map((each) =>
        each.state === 'current' && each.number !== subject.number ? { ...each, state: 'former' } : each,
      );
    case 'abort':
      return put({ ...subject, state: 'aborted' });
    case 'retire':
      return put({ ...subject, state: 'retired' });
  }
}

/** The slots with a next root that was made. Its number is above all that were ever given. */
export function afterPrepare(
  slots: readonly RootSlot[],
  made: Pick<RootSlot, 'fingerprint' | 'notBefore' | 'notAfter'>,
  now: Instant,
): RootSlot[] {
  const number = Math.max(0, ...slots.map((each) => each.number)) + 1;
  return [...slots, { number, state: 'next', ...made, preparedAt: now, distributedAt: null, activatedAt: null }];
}
