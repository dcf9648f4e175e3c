// Time and chance, passed in so that a whole lifecycle can be tried in a moment and repeated exactly.
import type { Instant } from '../domain/time.ts';

export interface Clock {
  /** The present, in Unix milliseconds. */
  now(): Instant;
  /** Milliseconds since some moment, which only go forward, whatever the clock is set to: for pauses and patience. */
  steady(): number;
}

export interface Entropy {
  /** `length` bytes from a cryptographically strong source. */
  bytes(length: number): Uint8Array;
}
