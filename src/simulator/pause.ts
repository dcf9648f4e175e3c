// Waiting that can be cut short, for any length of time.
import { backoffMs } from '../domain/backoff.ts';

// setTimeout takes 31 bits of milliseconds; a longer wait would fire at once.
const timerMaxMs = 2 ** 31 - 1;

/** Waits `ms` milliseconds, or until the signal aborts. True: the time has passed; false: it was cut short. */
export async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  for (let restMs = ms; restMs > 0 && !signal.aborted; restMs -= timerMaxMs) {
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', finish);
        resolve();
      };
      const timer = setTimeout(finish, Math.min(restMs, timerMaxMs));
      signal.addEventListener('abort', finish);
    });
  }
  return !signal.aborted;
}

/** A pause that doubles with every failure, up to a limit, and starts again after a success. */
export class Backoff {
  readonly #firstMs: number;
  readonly #mostMs: number;
  #failures = 0;

  constructor(firstMs: number, mostMs: number) {
    this.#firstMs = firstMs;
    this.#mostMs = mostMs;
  }

  /** The next pause in milliseconds: between half and the whole of the doubled one, so that a fleet does not return as one. */
  next(): number {
    const wholeMs = backoffMs(this.#failures, this.#firstMs, this.#mostMs);
    this.#failures += 1;
    return wholeMs * (0.5 + Math.random() / 2);
  }

  reset(): void {
    this.#failures = 0;
  }
}
