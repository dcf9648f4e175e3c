// When ends of sessions are trouble: loops of any cause are, a device that sleeps and wakes is not, however often.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  afterComing,
  afterEnd,
  asleepAfterMs,
  type EndCause,
  endCauses,
  isForgotten,
  isRepeated,
  type Trouble,
} from '../../src/domain/disconnection.ts';

interface Cycle {
  readonly cause: EndCause;
  readonly silentMs?: number;
  /** Until its next session. */
  readonly awayMs: number;
  /** How long a session lasts. */
  readonly hereMs: number;
}

/** A device that comes and goes so for a day, or until it is found out. */
function day({ cause, silentMs = 0, awayMs, hereMs }: Cycle): Trouble | null {
  let known: Trouble | null = null;
  for (let now = 0; now < 86_400_000 && !isRepeated(known); now += awayMs + hereMs) {
    known = afterComing(known, now);
    known = afterEnd(known, { cause, silentMs }, now + hereMs);
  }
  return known;
}

const counted = (Object.keys(endCauses) as EndCause[]).filter((cause) => endCauses[cause] !== null);

describe('sessions that end again and again', () => {
  it.each(counted)(
    'because of %s are found out, whether the client waits a second or, where that tells a loop, two minutes',
    (cause) => {
      expect(isRepeated(day({ cause, awayMs: 1_000, hereMs: 100 }))).toBe(true);
      const late = isRepeated(day({ cause, awayMs: 120_000, hereMs: 100 }));
      expect(late).toBe(cause !== 'closed' && cause !== 'silent');
    },
  );

  it.each([
    ['says DISCONNECT', { cause: 'disconnected', awayMs: 1_000, hereMs: 500 }],
    ['is switched off and noticed by its keepalive', { cause: 'silent', awayMs: 45_000, hereMs: 15_000 }],
    ['closes its connection without a word', { cause: 'closed', awayMs: 30_000, hereMs: 2_000 }],
    [
      'is switched off and wakes before its keepalive is over',
      { cause: 'taken_over', silentMs: 55_000, awayMs: 0, hereMs: 60_000 },
    ],
    ['is revoked, or comes to the end of its certificate', { cause: 'decided', awayMs: 1_000, hereMs: 1_000 }],
    ['has a limit come to it now and then', { cause: 'limit', awayMs: 0, hereMs: 600_000 }],
  ] as const)('are not those of a device that %s', (_what, cycle) => {
    expect(isRepeated(day(cycle))).toBe(false);
  });

  it('settle: after a quiet while nothing is remembered, however long it went on', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.constantFrom(...counted), (times, cause) => {
        let known: Trouble | null = null;
        for (let now = 0; now < times; now += 1) {
          known = afterComing(known, now);
          known = afterEnd(known, { cause, silentMs: 0 }, now);
        }
        known = afterComing(known, times + asleepAfterMs);
        expect(known === null || isForgotten(known, times + 2 * 3_600_000)).toBe(true);
      }),
    );
  });
});
