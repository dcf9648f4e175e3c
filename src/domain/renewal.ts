// The renewal's state machine: one replacement of one certificate, from due to retired. Events may come twice and in any
// order; what no longer fits changes nothing.
import type { Fingerprint } from './certificate.ts';
import type { EnrollmentCode } from './errors.ts';
import { type Policy, retryDelayMs, retryFloorMs } from './policy.ts';
import type { Cohort, KeyMode, PrincipalId } from './principal.ts';
import type { Instant } from './time.ts';

export const renewalStates = [
  'due',
  'offered',
  'requested',
  'issued',
  'delivered',
  'installed',
  'activated',
  'retired',
  'failed',
  'cancelled',
  'lapsed',
] as const;
export type RenewalState = (typeof renewalStates)[number];

/** Characters of a renewal id; short, because constrained devices carry it in every message. */
export const renewalIdLength = 13;

export interface Renewal {
  readonly id: string;
  readonly principalId: PrincipalId;
  readonly state: RenewalState;
  readonly mode: KeyMode;
  /** The gateway that asked for it, or reported its use, on the device's behalf; null while the device speaks for itself. */
  readonly via: PrincipalId | null;
  /** The campaign that brought it about; null: its time had come. */
  readonly campaign: string | null;
  /** Whose turn it was in that campaign; null also while its device is quarantined: it counts in none. */
  readonly cohort: Cohort | null;
  /** When somebody had it go on whatever holds its campaign; null: nobody has. */
  readonly releasedAt: Instant | null;
  /** The certificate being replaced; null for a first enrollment through a bootstrap anchor. */
  readonly oldFingerprint: Fingerprint | null;
  /** The replacement, once issued. */
  readonly newFingerprint: Fingerprint | null;
  readonly createdAt: Instant;
  /** When the old certificate expires: what the device must beat. */
  readonly deadline: Instant;
  /** End of grace: after it the device cannot come back by itself. */
  readonly closesAt: Instant;
  /** When the sweep must look at it again; null when only the device can move it, or it has ended. */
  readonly nextAt: Instant | null;
  /** Offers made and failures reported. */
  readonly attempts: number;
  /** CSRs accepted, but not those that the broker's own pace of offers brings again. */
  readonly requests: number;
  /** How many of these site gateways brought: they leave the device as many of its own. */
  readonly carriedRequests: number;
  /** SHA-256 of the key last requested for: the same key again is the same request, however the CSR around it was made. */
  readonly requestKey: Fingerprint | null;
  /** Set once the old certificate expired before the replacement was activated. */
  readonly lapsedAt: Instant | null;
  readonly activatedAt: Instant | null;
  /** When `done` was handed to the device. */
  readonly confirmedAt: Instant | null;
  /**
   * When its device was first heard under the replacement, where it spoke and was not only let in; heard again after `reopenedAt`, when
   * that was. Null: it was not.
   */
  readonly heardAt: Instant | null;
  /** When its device was given another renewal, because it could not use the replacement; that happens once. Null: it was not. */
  readonly reopenedAt: Instant | null;
  /** The gateway that reported the last failure; null: the device did itself, or there was none. */
  readonly failedVia: PrincipalId | null;
  readonly lastCode: string | null;
  readonly lastDetail: string | null;
  readonly updatedAt: Instant;
}

export type RenewalEvent =
  /** What was installed and never seen is to be offered once more: somebody asked for it. */
  | { readonly type: 'due' }
  | { readonly type: 'offered' }
  | { readonly type: 'requested'; readonly requestKey: Fingerprint }
  | { readonly type: 'issued'; readonly fingerprint: Fingerprint }
  | { readonly type: 'delivered' }
  | { readonly type: 'installed' }
  | { readonly type: 'failed'; readonly code: string; readonly detail: string; readonly via?: PrincipalId | null }
  | { readonly type: 'activated'; readonly overlapUntil: Instant }
  | { readonly type: 'confirmed' }
  | { readonly type: 'retired' }
  | { readonly type: 'cancelled'; readonly detail: string }
  | { readonly type: 'expired' }
  | { readonly type: 'closed' };

export type Transition =
  | { readonly kind: 'changed'; readonly renewal: Renewal }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'refused'; readonly code: EnrollmentCode };

/** An event that changed a renewal: what it was before and is after, and what the record says of it beyond the event's name. */
export interface Move {
  readonly before: Renewal;
  readonly after: Renewal;
  readonly event: RenewalEvent;
  readonly detail: string;
}

/** States in which the device still has something to do. */
export const openStates: readonly RenewalState[] = [
  'due',
  'offered',
  'requested',
  'issued',
  'delivered',
  'installed',
  'failed',
];

export function isOpen(renewal: Pick<Renewal, 'state'>): boolean {
  return openStates.includes(renewal.state);
}

/** Has the replacement been issued, so that it can be handed over? */
export function holdsCertificate(renewal: Renewal): boolean {
  return renewal.newFingerprint !== null && ['issued', 'delivered', 'installed'].includes(renewal.state);
}

const unchanged: Transition = { kind: 'unchanged' };

/** Of the time that is left, one pause takes no more than this: whatever the policy says, there are several tries before the end. */
const pauseShareMax = 0.1;

/** The pause before the attempt after `attempt`: as the policy has it, cut down to what the old certificate, or grace, has left. */
function pauseMs({ lapsedAt, deadline, closesAt }: Renewal, policy: Policy, attempt: number, now: Instant): number {
  const leftMs = (lapsedAt === null ? deadline : closesAt) - now;
  return Math.min(retryDelayMs(policy, attempt), Math.max(Math.floor(leftMs * pauseShareMax), retryFloorMs));
}

/** The sweep's next look: the retry, or earlier the moment the old certificate expires or grace ends. */
function nextLook(renewal: Renewal, retryAt: Instant): Instant {
  const limit = renewal.lapsedAt === null ? renewal.deadline : renewal.closesAt;
  return Math.min(retryAt, limit);
}

function toOffered(renewal: Renewal, policy: Policy, now: Instant): Transition {
  if (!['due', 'offered', 'failed'].includes(renewal.state)) return unchanged;
  const attempts = renewal.attempts + 1;
  const nextAt = nextLook(renewal, now + pauseMs(renewal, policy, attempts, now));
  return { kind: 'changed', renewal: { ...renewal, state: 'offered', attempts, nextAt, updatedAt: now } };
}

function toRequested(renewal: Renewal, requestKey: Fingerprint, policy: Policy, now: Instant): Transition {
  if (!isOpen(renewal)) return { kind: 'refused', code: 'renewal_closed' };
  const nextAt = nextLook(renewal, now + pauseMs(renewal, policy, 1, now));
  if (renewal.requestKey === requestKey) {
    if (renewal.state === 'requested' || holdsCertificate(renewal)) return unchanged;
  }
  if (renewal.state === 'requested') return { kind: 'refused', code: 'unavailable' };
  // After a reported failure the same key gets the same certificate again, not a second one. Offered again, its pause is over.
  const again = renewal.requestKey === requestKey && renewal.newFingerprint !== null;
  const free = again && renewal.state === 'offered';
  // Charged to who brings it: a site gateway that asks again and again leaves the device its own requests.
  const carried = renewal.via === null ? 0 : 1;
  const charged = carried ? renewal.carriedRequests : renewal.requests - renewal.carriedRequests;
  if (charged >= policy.requestsMax && !free) return { kind: 'refused', code: 'too_many_requests' };
  const requests = renewal.requests + (free ? 0 : 1);
  const carriedRequests = renewal.carriedRequests + (free ? 0 : carried);
  const counted = { ...renewal, requests, carriedRequests, nextAt, updatedAt: now };
  if (again) return { kind: 'changed', renewal: { ...counted, state: 'issued' } };
  return { kind: 'changed', renewal: { ...counted, state: 'requested', requestKey, newFingerprint: null } };
}

type Failure = Extract<RenewalEvent, { type: 'failed' }>;

function toFailed(renewal: Renewal, { code, detail, via = null }: Failure, policy: Policy, now: Instant): Transition {
  if (!['requested', 'issued', 'delivered', 'installed', 'offered'].includes(renewal.state)) return unchanged;
  const attempts = renewal.attempts + 1;
  return {
    kind: 'changed',
    renewal: {
      ...renewal,
      state: 'failed',
      attempts,
      nextAt: nextLook(renewal, now + pauseMs(renewal, policy, attempts, now)),
      failedVia: via,
      lastCode: code,
      lastDetail: detail,
      updatedAt: now,
    },
  };
}

function toExpired(renewal: Renewal, now: Instant): Transition {
  if (!isOpen(renewal) || renewal.lapsedAt !== null) return unchanged;
  return { kind: 'changed', renewal: { ...renewal, lapsedAt: now, nextAt: renewal.closesAt, updatedAt: now } };
}

function end(renewal: Renewal, state: 'cancelled' | 'lapsed', detail: string, now: Instant): Transition {
  if (!isOpen(renewal)) return unchanged;
  return { kind: 'changed', renewal: { ...renewal, state, nextAt: null, lastDetail: detail, updatedAt: now } };
}

/**
 * Applies one event at `now`. `unchanged`: the event is a repetition or came too late, and is answered as the first one
 * was. `refused`: only for `requested`, with the code for the device. An activation is taken in every state that has a
 * certificate, also after a failure report: a connection with the new certificate outweighs anything said before.
 */
export function advance(renewal: Renewal, event: RenewalEvent, policy: Policy, now: Instant): Transition {
  const change = (patch: Partial<Renewal>): Transition => ({
    kind: 'changed',
    renewal: { ...renewal, ...patch, updatedAt: now },
  });
  switch (event.type) {
    case 'due':
      // What its device may hold stays good until another is made.
      return renewal.state === 'installed'
        ? change({ state: 'due', nextAt: nextLook(renewal, Number.POSITIVE_INFINITY) })
        : unchanged;
    case 'offered':
      return toOffered(renewal, policy, now);
    case 'requested':
      return toRequested(renewal, event.requestKey, policy, now);
    case 'issued':
      return renewal.state === 'requested'
        ? change({
            state: 'issued',
            newFingerprint: event.fingerprint,
            nextAt: nextLook(renewal, now + pauseMs(renewal, policy, renewal.attempts, now)),
          })
        : unchanged;
    case 'delivered':
      return renewal.state === 'issued' ? change({ state: 'delivered' }) : unchanged;
    case 'installed':
      return renewal.state === 'issued' || renewal.state === 'delivered' ? change({ state: 'installed' }) : unchanged;
    case 'failed':
      return toFailed(renewal, event, policy, now);
    case 'activated':
      return isOpen(renewal) && renewal.newFingerprint !== null
        ? change({ state: 'activated', activatedAt: now, nextAt: event.overlapUntil })
        : unchanged;
    case 'confirmed':
      return renewal.state === 'activated' && renewal.confirmedAt === null ? change({ confirmedAt: now }) : unchanged;
    case 'retired':
      return renewal.state === 'activated' ? change({ state: 'retired', nextAt: null }) : unchanged;
    case 'cancelled':
      return end(renewal, 'cancelled', event.detail, now);
    case 'expired':
      return toExpired(renewal, now);
    case 'closed':
      return end(renewal, 'lapsed', 'grace ended before the replacement was activated', now);
  }
}

/**
 * Sent once more, without a change of state. Because its time had come: that counts, and the next pause is longer. Because the
 * device asked: the pause begins anew.
 */
export function sentAgain(renewal: Renewal, policy: Policy, now: Instant, why: 'due' | 'asked'): Renewal {
  const attempts = renewal.attempts + (why === 'due' ? 1 : 0);
  return {
    ...renewal,
    attempts,
    nextAt: nextLook(renewal, now + pauseMs(renewal, policy, attempts, now)),
    updatedAt: now,
  };
}

/** Leaves the next move to the device: until it listens, only the old certificate's end is looked for. */
export function awaitDevice(renewal: Renewal): Renewal {
  return { ...renewal, nextAt: nextLook(renewal, Number.POSITIVE_INFINITY) };
}

/** What the broker owes the device in this state: the one message that moves it on. Null: nothing, it is the device's or the clock's turn. */
export function owed(renewal: Renewal): 'offer' | 'cert' | 'done' | null {
  switch (renewal.state) {
    case 'due':
    case 'offered':
    case 'failed':
      return 'offer';
    case 'issued':
    case 'delivered':
      return 'cert';
    case 'activated':
      return renewal.confirmedAt === null ? 'done' : null;
    case 'requested':
    case 'installed':
    case 'retired':
    case 'cancelled':
    case 'lapsed':
      return null;
  }
}

/**
 * Is this renewal under way with the device itself? Then what a site gateway says became of the replacement changes nothing: the device
 * says that on its own connection.
 */
export function isOwn(renewal: Renewal): boolean {
  return renewal.via === null && renewal.requests > renewal.carriedRequests;
}
