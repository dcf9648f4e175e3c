// Who may take a client id over from whom, and when: two holders of one credential that displace each other wait longer each time. A
// device that comes back after it lost its connection waits for nothing.
import { addressBlock } from './address-block.ts';
import { asleepAfterMs } from './disconnection.ts';
import type { Instant } from './time.ts';

/** A connection comes under a client id that another one has. */
export interface Takeover {
  /** Address of the one that comes, and of the one that is there. */
  readonly from: string;
  readonly over: string;
  /** How long nothing has come from the one that is there, in milliseconds. */
  readonly silentMs: number;
}

/** What is remembered of a client id. */
export interface Contest {
  /** Takeovers that count, less those that time has taken away. */
  readonly level: number;
  readonly at: Instant;
}

/** So many takeovers in a row cost nothing. */
export const freeTakeovers = 4;
/** One more in each of these spans costs nothing either, in the long run. */
const forgottenEachMs = 60_000;
/** The longest that a session is kept from being taken over. */
export const tenureMaxMs = 30_000;
const tenureFirstMs = 500;
/** Beyond it the time is no longer, and it is forgotten no later. */
const levelMax = 12;
/** From one address: who was silent for so long may have lost its connection and come back. */
const lostAfterMs = 5_000;

/** Does it look like two holders? Not where the session is silent: its device may have lost it. */
export function isContending({ from, over, silentMs }: Takeover): boolean {
  const isSame = addressBlock(from) === addressBlock(over);
  return silentMs <= (isSame ? lostAfterMs : asleepAfterMs);
}

/** A takeover has happened. Times are of a clock that only goes forward. */
export function afterTakeover(known: Contest | null, takeover: Takeover, now: Instant): Contest | null {
  if (!isContending(takeover)) return known;
  return { level: Math.min(levelMax, levelAt(known, now) + 1), at: now };
}

/** How long the session that is there has its client id for itself, from its begin, in milliseconds. */
export function tenureMs(known: Contest | null, takeover: Takeover, now: Instant): number {
  const over = levelAt(known, now) - freeTakeovers;
  if (over <= 0 || !isContending(takeover)) return 0;
  return Math.min(tenureMaxMs, Math.round(tenureFirstMs * 2 ** over));
}

/** Must somebody look at it? */
export function isContested(known: Contest | null, now: Instant): boolean {
  return levelAt(known, now) > freeTakeovers + 1;
}

export function levelAt(known: Contest | null, now: Instant): number {
  return known === null ? 0 : Math.max(0, known.level - (now - known.at) / forgottenEachMs);
}
