// How work is let in: a few pieces a turn of the event loop, and for each principal no more than its allowance.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Allowance,
  answersInAll,
  keptRefusals,
  newThrottles,
  oversized,
  PairThrottle,
  speech,
  speechForOthers,
  Throttle,
} from '../../src/app/enrollment/throttle.ts';
import { Turns } from '../../src/app/turns.ts';
import { idOf } from '../domain/samples.ts';

describe('turns', () => {
  it('come in the order they were asked for, a few in one turn of the event loop', async () => {
    const turns = new Turns();
    const order: number[] = [];
    const perTurn: number[] = [];
    let begun = 0;
    let done = false;
    const count = (): void => {
      perTurn.push(begun);
      begun = 0;
      if (!done) setImmediate(count);
    };
    setImmediate(count);
    const work = Array.from({ length: 400 }, async (_, i) => {
      await turns.take();
      order.push(i);
      begun += 1;
    });
    await Promise.all(work);
    done = true;
    expect(order).toEqual(Array.from({ length: 400 }, (_, i) => i));
    expect(Math.max(...perTurn, begun)).toBeLessThanOrEqual(64);
  });

  it('come again after all were taken', async () => {
    const turns = new Turns();
    await turns.take();
    await turns.take();
    await Promise.all([turns.take(), turns.take()]);
  });
});

describe('a throttle', () => {
  const id = idOf('pump-7');

  it('grants what may come at once, then what comes back with time, to each principal apart', () => {
    const throttle = new Throttle({ burst: 3, perSecond: 2 });
    expect([0, 0, 0, 0].map((now) => throttle.take(id, now))).toEqual([true, true, true, false]);
    expect(throttle.take(idOf('pump-8'), 0)).toBe(true);
    expect([499, 500, 501].map((now) => throttle.take(id, now))).toEqual([false, true, false]);
    expect(Array.from({ length: 4 }, () => throttle.take(id, 100_000))).toEqual([true, true, true, false]);
  });

  it('gives nothing for a clock that is set back', () => {
    const throttle = new Throttle({ burst: 1, perSecond: 1 });
    expect([1_000_000, 0, 500].map((now) => throttle.take(id, now))).toEqual([true, false, false]);
  });

  it.each<[string, Allowance]>([
    ['speech', speech],
    ['speech for others', speechForOthers],
    ['answers', answersInAll],
    ['kept refusals', keptRefusals],
    ['answers to messages too large', oversized],
  ])('never grants more of %s than its allowance', (_, allowance) => {
    const { burst, perSecond } = allowance;
    const visit = fc.record({ waitMs: fc.nat(20_000), takes: fc.nat(burst) });
    fc.assert(
      fc.property(fc.array(visit, { minLength: 1, maxLength: 8 }), (visits) => {
        const throttle = new Throttle(allowance);
        let now = 0;
        let granted = 0;
        const take = (times: number): void => {
          for (let i = 0; i < times; i += 1) if (throttle.take(id, now)) granted += 1;
        };
        for (const { waitMs, takes } of visits) {
          now += waitMs;
          take(takes);
        }
        const most = burst + (now / 1_000) * perSecond;
        expect(granted).toBeLessThanOrEqual(most);
        // However it came before, the rest of the burst is used up by as many again.
        take(burst + 1);
        expect(granted).toBeLessThanOrEqual(most);
        expect(throttle.take(id, now)).toBe(false);
      }),
      { numRuns: 30 },
    );
  });
});

describe('what is charged to a speaker', () => {
  const names = ['gw-1', 'gw-2', 'dev-1', 'dev-2'].map(idOf);
  const [gateway, , device] = names as [ReturnType<typeof idOf>, ReturnType<typeof idOf>, ReturnType<typeof idOf>];

  it('is what it said for one device, whatever anybody else says, for that device or for others', () => {
    const one = fc.record({
      speaker: fc.constantFrom(...names),
      about: fc.constantFrom(...names),
      waitMs: fc.nat(2_000),
    });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 300 }), (said) => {
        const together = new PairThrottle(speech);
        const apart = new Map<string, Throttle>();
        let now = 0;
        for (const { speaker, about, waitMs } of said) {
          now += waitMs % 7 === 0 ? waitMs : 0;
          const pair = `${speaker} ${about}`;
          const alone = apart.get(pair) ?? new Throttle(speech);
          apart.set(pair, alone);
          expect(together.take(speaker, about, now)).toBe(alone.take(about, now));
        }
      }),
      { numRuns: 50 },
    );
  });

  it('is not forgotten for as many devices as it can speak for, and takes no room once it would be granted in full', () => {
    const throttles = newThrottles();
    const { speechThroughOthers: pairs, speechForOthers: all } = throttles;
    const spend = (now: number): number => {
      let granted = 0;
      while (pairs.take(gateway, device, now)) granted += 1;
      return granted;
    };
    expect(spend(0)).toBe(speech.burst);
    pairs.take(idOf('gw-2'), device, 0);
    // Every message of a flood through as many names as there may be, until what was spent at first is back.
    let others = 0;
    for (let now = 0; now < 10_000; now += 100) {
      while (all.take(gateway, now)) {
        pairs.take(gateway, idOf(`dev-${others}`), now);
        others += 1;
      }
    }
    expect(others).toBeGreaterThan(14_000);
    expect(pairs.size).toBeGreaterThan(14_000);
    expect(spend(5_000)).toBe(15);
    expect(pairs.take(idOf('gw-2'), device, 60_000)).toBe(true);
    expect(pairs.size).toBe(1);
  });

  it('is bounded by its own names and not by those of others', () => {
    const pairs = new PairThrottle(speech);
    while (pairs.take(gateway, device, 0));
    for (let i = 0; i < 30_000; i += 1) pairs.take(idOf('gw-2'), idOf(`dev-${i}`), 0);
    expect(pairs.size).toBeLessThan(21_000);
    expect(pairs.take(gateway, device, 0)).toBe(false);
  });
});
