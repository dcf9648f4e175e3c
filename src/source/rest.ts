// What a server asks for with Retry-After, while it is read: a short pause is taken and the page asked for again; of a long one the
// read ends, and no other asks before it is over.
import { setTimeout as pause } from 'node:timers/promises';

/** Of one read. */
const pausesMax = 5;
const pausedMsMax = 300_000;
const pauseMsLeast = 1_000;

export class Rest {
  /** Steady, in milliseconds. */
  #until = Number.NEGATIVE_INFINITY;
  #pauses = 0;
  #pausedMs = 0;

  /** A read begins. @returns why it may not. */
  begin(): string | null {
    const left = this.#until - performance.now();
    if (left > 0) return `it asks to be left alone for ${Math.ceil(left / 1_000)} s (Retry-After)`;
    this.#pauses = 0;
    this.#pausedMs = 0;
    return null;
  }

  /** Takes the pause that is asked for, unless it is too long. @returns whether to ask again. Never rejects. */
  async take(askedMs: number | undefined, signal: AbortSignal): Promise<boolean> {
    if (askedMs === undefined) return false;
    const ms = Math.max(pauseMsLeast, askedMs);
    this.#pauses += 1;
    this.#pausedMs += ms;
    if (this.#pauses > pausesMax || this.#pausedMs > pausedMsMax) {
      this.#until = performance.now() + ms;
      return false;
    }
    await pause(ms, undefined, { signal }).catch(() => undefined);
    return true;
  }
}
