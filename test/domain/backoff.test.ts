// How long to wait after failures in a row.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs } from '../../src/domain/backoff.ts';

describe('the pause after a failure', () => {
  it.each([
    { failures: 0, ms: 1_000 },
    { failures: 1, ms: 2_000 },
    { failures: 5, ms: 32_000 },
    { failures: 6, ms: 60_000 },
    { failures: 1e9, ms: 60_000 },
    { failures: -1, ms: 1_000 },
  ])('is $ms ms after $failures others', ({ failures, ms }) => {
    expect(backoffMs(failures, 1_000, 60_000)).toBe(ms);
  });

  it('never becomes shorter with another failure, and never exceeds the limit', () => {
    const anyMs = fc.integer({ min: 1, max: 10_000_000 });
    fc.assert(
      fc.property(fc.nat(2_000), anyMs, anyMs, (failures, firstMs, mostMs) => {
        const pauseMs = backoffMs(failures, firstMs, mostMs);
        expect(pauseMs).toBeLessThanOrEqual(mostMs);
        expect(backoffMs(failures + 1, firstMs, mostMs)).toBeGreaterThanOrEqual(pauseMs);
      }),
    );
  });
});
