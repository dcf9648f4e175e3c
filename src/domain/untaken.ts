// When the first message of a kept session's queue is one that its client cannot take, such as one larger than its buffer: it would be sent
// first at every reconnect, for ever. A client that is away, asleep or on a bad link must not lose a message by these rules.
import type { EndCause } from './disconnection.ts';
import type { Instant } from './time.ts';

/** What is remembered of a session whose connections ended with nothing of its queue acknowledged. Times only go forward. */
export interface Untaken {
  /** The place of the message that was first. */
  readonly first: string;
  /** Connections in a row that its client broke off soon after the message, and came back from soon. */
  readonly cuts: number;
  readonly endedAt: Instant;
  /** Connections in which the queue was held back, so that a renewal could get on. */
  readonly holds: number;
}

/** The end of a connection on which messages of the queue were sent, and none of them acknowledged. */
export interface UntakenEnd {
  readonly first: string;
  readonly cause: EndCause;
  readonly cameAt: Instant;
  /** When the message was sent. */
  readonly sentAt: Instant;
  readonly endedAt: Instant;
}

/** So many cuts, and the message is dropped. */
export const cutsMax = 5;
/** A cut comes no later than this after the message. */
export const cutWithinMs = 30_000;
/** Who comes back later than this was away, and begins anew. */
export const backWithinMs = 600_000;
/** How often one message is held back for the sake of a renewal. */
export const holdsMax = 8;

/** What is known after this end; null: as before, since it says nothing of the message. */
export function afterUntakenEnd(known: Untaken | null, end: UntakenEnd): Untaken | null {
  const { first, cause, cameAt, sentAt, endedAt } = end;
  const same = known?.first === first ? known : null;
  switch (cause) {
    case 'closed':
    case 'taken_over': {
      const isBack = same !== null && cameAt - same.endedAt <= backWithinMs;
      const isCut = endedAt - sentAt <= cutWithinMs;
      return { first, cuts: isCut ? (isBack ? same.cuts : 0) + 1 : 0, endedAt, holds: same?.holds ?? 0 };
    }
    // It may have had no time to answer. It is watched, and loses nothing.
    case 'disconnected':
    case 'silent':
      return { first, cuts: 0, endedAt, holds: same?.holds ?? 0 };
    default:
      return known;
  }
}

export function isGivenUp({ cuts }: Untaken): boolean {
  return cuts >= cutsMax;
}
