import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { askAgainMostSeconds, askAgainSeconds } from '../../src/domain/ask-again.ts';

const chance = fc.double({ min: 0, max: 1, noNaN: true });
const waits = fc.integer({ min: -1_000_000, max: 1e13 });

describe('how long a device waits that is owed nothing', () => {
  it('is a whole number of seconds, from one to a day', () => {
    fc.assert(
      fc.property(waits, chance, (waitMs, at) => {
        const seconds = askAgainSeconds(waitMs, at);
        expect(Number.isInteger(seconds)).toBe(true);
        expect(seconds).toBeGreaterThanOrEqual(1);
        expect(seconds).toBeLessThanOrEqual(askAgainMostSeconds);
      }),
    );
  });

  it('is not over before something may be due, and a tenth later at most, where that is within a day', () => {
    const within = fc.integer({ min: 1_000, max: Math.floor((askAgainMostSeconds / 1.1) * 1_000) });
    fc.assert(
      fc.property(within, chance, (waitMs, at) => {
        const seconds = askAgainSeconds(waitMs, at);
        expect(seconds * 1_000).toBeGreaterThanOrEqual(waitMs);
        expect(seconds).toBeLessThanOrEqual(Math.ceil((waitMs * 1.1) / 1_000));
      }),
    );
  });

  it('spreads a fleet that has weeks left over half a day', () => {
    const weeks = 50 * 86_400_000;
    expect([0, 0.5, 1].map((at) => askAgainSeconds(weeks, at))).toEqual([43_200, 64_800, 86_400]);
  });
});
