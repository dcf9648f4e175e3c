// Notices that the clock was set: by comparison with one that only goes forward. What was judged by the time before has to be
// looked at again at once.
import type { Clock } from '../ports/clock.ts';

/** Clocks drift, and a process may stand still between two looks at them: less than this is not a setting. */
const toleranceMs = 2_000;

export class ClockWatch {
  readonly #clock: Clock;
  #apartMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#apartMs = clock.now() - clock.steady();
  }

  /** How far the clock was set since it was last asked, in milliseconds, back below 0; 0: it was not. */
  moved(): number {
    const apartMs = this.#clock.now() - this.#clock.steady();
    const movedMs = apartMs - this.#apartMs;
    this.#apartMs = apartMs;
    return Math.abs(movedMs) < toleranceMs ? 0 : movedMs;
  }
}
