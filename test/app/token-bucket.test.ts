// How much may be done in all at a time, and how an authority that is down is asked.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Breaker, pauseMostMs } from '../../src/app/renewal/breaker.ts';
import { TokenBucket } from '../../src/app/renewal/token-bucket.ts';

describe('a rate', () => {
  it('never grants more than a second of it at once, and in the long run what it says', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.array(fc.integer({ min: 0, max: 3_000 })),
        (perSecond, waits) => {
          let now = 0;
          let granted = 0;
          const rate = new TokenBucket(perSecond, { steady: () => now });
          for (const wait of waits) {
            now += wait;
            let burst = 0;
            while (rate.take()) burst += 1;
            granted += burst;
            expect(burst).toBeLessThanOrEqual(perSecond);
            expect(rate.waitMs).toBeGreaterThan(0);
          }
          expect(granted).toBeLessThanOrEqual(perSecond * (1 + now / 1_000) + 1e-6);
        },
      ),
    );
  });

  it('grants again after the wait it names', () => {
    let now = 0;
    const rate = new TokenBucket(2, { steady: () => now });
    expect([rate.take(), rate.take(), rate.take()]).toEqual([true, true, false]);
    now += rate.waitMs;
    expect([rate.take(), rate.take()]).toEqual([true, false]);
    now += 10_000;
    rate.empty();
    expect([rate.take(), rate.take()]).toEqual([true, false]);
  });
});

describe('an authority that is down', () => {
  it('is asked by one at a time, after pauses that double up to a minute, and never given up', () => {
    const breaker = new Breaker(() => 1);
    let now = 0;
    const pauses: number[] = [];
    expect(breaker.room(now, 100)).toBe(100);
    for (let i = 0; i < 100; i += 1) expect(breaker.asks(now)).toBe(true);
    // A hundred that were under way fail together: that is one failure.
    expect(Array.from({ length: 100 }, () => breaker.failed(now)).filter((each) => each !== null)).toEqual([1]);
    for (let i = 0; i < 12; i += 1) {
      pauses.push(breaker.waitMs(now));
      expect(breaker.room(now + breaker.waitMs(now) - 1, 100)).toBe(0);
      now += breaker.waitMs(now);
      expect(breaker.room(now, 100)).toBe(1);
      expect(breaker.asks(now)).toBe(true);
      expect(breaker.asks(now)).toBe(false);
      expect(breaker.room(now, 100)).toBe(0);
      expect(breaker.failed(now)).toBe(i + 2);
    }
    expect(pauses.slice(0, 7)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, pauseMostMs]);
    expect(Math.max(...pauses)).toBe(pauseMostMs);
    now += breaker.waitMs(now);
    expect(breaker.asks(now)).toBe(true);
    expect(breaker.answered()).toBe(true);
    expect(breaker.answered()).toBe(false);
    expect(new Breaker(() => 1).answered()).toBeNull();
    expect(breaker.room(now, 100)).toBe(100);
  });

  it('is asked by the next where one had nothing to ask', () => {
    const breaker = new Breaker(() => 0);
    breaker.asks(0);
    breaker.failed(0);
    expect(breaker.waitMs(0)).toBe(500);
    expect(breaker.asks(500)).toBe(true);
    breaker.unasked();
    expect(breaker.isOpen).toBe(true);
    expect(breaker.room(500, 5)).toBe(1);
  });
});
