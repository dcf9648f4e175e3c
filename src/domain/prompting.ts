// What a renewal's device is told now, and what follows from having told it. Nothing is sent here.
import type { Hold } from './hold.ts';
import type { Policy } from './policy.ts';
import type { PrincipalId } from './principal.ts';
import { advance, awaitDevice, holdsCertificate, isOpen, type Move, owed, type Renewal, sentAgain } from './renewal.ts';

import type { Instant } from './time.ts';
import type { DownWord } from './topics.ts';

/** Why something is sent: its time had come, or its device listens or asked. */
export type PromptReason = 'due' | 'asked';

export interface PromptFacts {
  readonly renewal: Renewal;
  readonly reason: PromptReason;
  /** Does a campaign hold it back? */
  readonly hold: Hold;
  /** Does somebody listen to an offer? */
  readonly isHeard: boolean;
  /** Offers that may be made now, and do more wait than that? */
  readonly offers: { readonly left: number; readonly contended: boolean };
  /** Of a replacement that was made here or over the present key: is it still worth fetching? */
  readonly isUsable: boolean;
}

export type PromptPlan =
  /** Nothing is owed. */
  | { readonly kind: 'nothing' }
  /** Its campaign holds it back until then. */
  | { readonly kind: 'hold'; readonly until: Instant }
  /** There have been as many offers as there may be now. */
  | { readonly kind: 'queue' }
  /** Its replacement is to be made first, or what is owed is to be sent. */
  | {
      readonly kind: 'prepare' | 'send';
      /** Is it one of the offers that are counted? */
      readonly takesTurn: boolean;
      /** The campaign that is paused and does not hold it back, because its slack is nearly gone. */
      readonly overrides: string | null;
    };

/** Who asks comes after those who wait: they have less time, or asked before. */
function hasTurn({ reason, offers }: PromptFacts): boolean {
  return offers.left >= 1 && (reason === 'due' || !offers.contended);
}

/** Is there nothing yet, or nothing any more, that its device could be offered? In mode `csr` that is the device's to ask for. */
function awaitsRequest({ renewal, isUsable }: PromptFacts, what: 'offer' | 'cert' | 'done'): boolean {
  if (renewal.mode === 'csr') return false;
  return what === 'offer' || (what === 'cert' && !isUsable);
}

export function planPrompt(facts: PromptFacts): PromptPlan {
  const { renewal, hold } = facts;
  if (hold.kind === 'held') return { kind: 'hold', until: hold.until };
  const what = owed(renewal);
  if (what === null) return { kind: 'nothing' };
  // An offer that nobody would hear takes nobody's turn.
  const takesTurn = what === 'offer' && facts.isHeard;
  if (takesTurn && !hasTurn(facts)) return { kind: 'queue' };
  const overrides = takesTurn && hold.kind === 'urgent' ? hold.campaign : null;
  return { kind: awaitsRequest(facts, what) ? 'prepare' : 'send', takesTurn, overrides };
}

/** Does a reported failure keep the next offer back on this way? What a site gateway reported does not on the device's own. */
export function isPaused(renewal: Renewal, path: PrincipalId | null, now: Instant): boolean {
  if (renewal.state !== 'failed' || (renewal.nextAt ?? 0) <= now) return false;
  return path !== null || renewal.failedVia === null;
}

/**
 * What a device is told that has just begun to listen on this way, or said hello: what is owed, or once more what was sent before and may
 * have been lost; nothing while a failure that it reported keeps the next offer back.
 */
export function planAnew(
  renewal: Renewal,
  path: PrincipalId | null,
  now: Instant,
): 'pause' | 'replacement' | 'done' | 'owed' {
  if (isPaused(renewal, path, now)) return 'pause';
  if (renewal.state === 'installed') return 'replacement';
  return renewal.state === 'activated' && renewal.confirmedAt !== null ? 'done' : 'owed';
}

/** What is kept of having sent something: nothing, a renewal that is not moved by it, or a move. */
export type Sending =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'put'; readonly renewal: Renewal }
  | { readonly kind: 'move'; readonly move: Move };

const nothing: Sending = { kind: 'nothing' };

/**
 * What to keep where somebody took these words, or nobody took any. What a device brings about by listening and asking is kept and told
 * once: it may do so as often as it likes.
 * @param sent the state it was in when that was sent.
 */
export function afterSending(
  renewal: Renewal,
  sent: Renewal['state'],
  taken: ReadonlySet<DownWord>,
  reason: PromptReason,
  policy: Policy,
  now: Instant,
): Sending {
  // Installed it stays, and since when: the next move is the device's.
  if (renewal.state !== sent || renewal.state === 'installed') return nothing;
  if (taken.size === 0) return isOpen(renewal) ? { kind: 'put', renewal: awaitDevice(renewal) } : nothing;
  if (taken.has('done')) {
    const confirmed = advance(renewal, { type: 'confirmed' }, policy, now);
    if (confirmed.kind !== 'changed') return nothing;
    const [event, detail] = [{ type: 'confirmed' } as const, 'confirmed to the device'];
    return { kind: 'move', move: { before: renewal, after: confirmed.renewal, event, detail } };
  }
  if (reason === 'asked' && renewal.state === 'offered') {
    return { kind: 'put', renewal: sentAgain(renewal, policy, now, reason) };
  }
  const event = { type: taken.has('cert') ? 'delivered' : 'offered' } as const;
  const transition = advance(renewal, event, policy, now);
  const current = transition.kind === 'changed' ? transition.renewal : renewal;
  const after = holdsCertificate(current) ? sentAgain(current, policy, now, reason) : current;
  if (transition.kind === 'changed') return { kind: 'move', move: { before: renewal, after, event, detail: '' } };
  return after === renewal ? nothing : { kind: 'put', renewal: after };
}
