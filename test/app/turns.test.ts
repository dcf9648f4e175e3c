// How work is let in: a few pieces a turn of the event loop, and for each principal no more than its allowance.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Allowance, keptRefusals, speech, speechForOthers, Throttle } from '../../src/app/enrollment/throttle.ts';
import { Turns } from '../../src/app/upkeep/turns.ts';
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
    ['kept refusals', keptRefusals],
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
