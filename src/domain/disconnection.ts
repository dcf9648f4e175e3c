// Which ends of a principal's sessions are trouble, and when there are so many that somebody must look. A device that sleeps and wakes
// is none, whether it says goodbye or not; nor is what the broker decides about its certificate.
import type { Instant } from './time.ts';

/** Why a session ended. Null: that is nobody's trouble. */
export const endCauses = {
  disconnected: null,
  decided: null,
  closed: 'its connection closed without a DISCONNECT',
  silent: 'nothing came from it for longer than its keepalive',
  taken_over: 'another connection with its client id took its place',
  connect_refused: 'it was refused before it had a session',
  packet_refused: 'it sent a packet that the gateway refuses',
  malformed: 'what it sent was no MQTT',
  limit: 'it came to a limit of the gateway',
} as const satisfies Record<string, string | null>;
export type EndCause = keyof typeof endCauses;

export interface SessionEnd {
  readonly cause: EndCause;
  /** How long nothing had come from it by then, in milliseconds. */
  readonly silentMs: number;
  /** The word of the log's line about it, where the cause alone says too little. */
  readonly reason?: string;
}

/** What is remembered of a principal whose sessions ended otherwise than they should. */
export interface Trouble {
  /** Ends that count, less those that time has taken away. */
  readonly level: number;
  readonly at: Instant;
  /** Of the last that counted. */
  readonly cause: EndCause;
  /** See {@link SessionEnd.reason}. */
  readonly reason?: string;
  /** An end that counts only if the principal is back soon: it was there all the time. */
  readonly pending: { readonly cause: EndCause; readonly at: Instant } | null;
}

/** So many at once, and one more in each of these spans in the long run, are no alert. */
export const troubleMax = 10;
export const troubleEachMs = 300_000;
/** Who is back within that was not asleep. */
export const backSoonMs = 10_000;
/** A session that was silent for longer was asleep, or lost, when another one took its place. */
export const asleepAfterMs = 30_000;

/** A session ended. Times are of a clock that only goes forward. */
export function afterEnd(known: Trouble | null, { cause, silentMs, reason }: SessionEnd, now: Instant): Trouble | null {
  switch (cause) {
    case 'disconnected':
    case 'decided':
      return known && { ...known, pending: null };
    case 'closed':
    case 'silent':
      return { ...(known ?? none(cause, now)), pending: { cause, at: now } };
    case 'taken_over':
      return silentMs > asleepAfterMs ? known : counted(known, cause, now);
    default:
      return { ...counted(known, cause, now), ...(reason !== undefined && { reason }) };
  }
}

/** A session began. */
export function afterComing(known: Trouble | null, now: Instant): Trouble | null {
  if (!known?.pending) return known;
  const { cause, at } = known.pending;
  return now - at > backSoonMs ? { ...known, pending: null } : counted(known, cause, now);
}

export function isRepeated(trouble: Trouble | null): boolean {
  return trouble !== null && trouble.level >= troubleMax;
}

/** Is there nothing left to remember? */
export function isForgotten({ level, at, pending }: Trouble, now: Instant): boolean {
  return pending === null && level - (now - at) / troubleEachMs <= 0;
}

function none(cause: EndCause, now: Instant): Trouble {
  return { level: 0, at: now, cause, pending: null };
}

function counted(known: Trouble | null, cause: EndCause, now: Instant): Trouble {
  const { level, at } = known ?? none(cause, now);
  // Not without bound, so that it settles as soon after a thousand as after ten.
  const left = Math.min(2 * troubleMax, Math.max(0, level - (now - at) / troubleEachMs) + 1);
  return { level: left, at: now, cause, pending: null };
}
