// A share of the loop: however it is asked for, no more is spent in any while than the share of that while, a burst and one step.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LoopShare } from '../../src/domain/loop-share.ts';

it('is never exceeded by more than the burst and one step', () => {
  const steps = fc.array(fc.record({ ms: fc.integer({ min: 0, max: 90 }), quiet: fc.integer({ min: 0, max: 2_000 }) }));
  fc.assert(
    fc.property(steps, (asked) => {
      const [share, burstMs] = [0.1, 100];
      const account = new LoopShare({ share, burstMs, waitMsMax: 1_000 });
      let [now, spent, largest] = [0, 0, 0];
      for (const { ms, quiet } of asked) {
        now += quiet;
        now += account.waitMs(now);
        now += ms;
        account.spend(ms, now);
        spent += ms;
        largest = Math.max(largest, ms);
        expect(spent).toBeLessThanOrEqual(share * now + burstMs + largest + 1e-6);
      }
    }),
  );
});

it('is as it was when what was spent is given back', () => {
  const account = new LoopShare({ share: 0.1, burstMs: 10, waitMsMax: 1_000 });
  account.spend(50, 1_000);
  expect(account.waitMs(1_000)).toBe(400);
  account.spend(-50, 1_000);
  expect(account.waitMs(1_000)).toBe(0);
  expect(new LoopShare({ share: 0.1, burstMs: 10, waitMsMax: 1_000 }).waitMs(0)).toBe(0);
});

it('keeps nobody waiting longer than it may, whatever was spent', () => {
  const account = new LoopShare({ share: 0.1, burstMs: 10, waitMsMax: 500 });
  for (let times = 0; times < 300; times += 1) account.spend(74, 1_000);
  expect(account.waitMs(1_000)).toBe(500);
});
