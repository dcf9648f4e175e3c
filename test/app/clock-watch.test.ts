import { expect, it } from 'vitest';
import { ClockWatch } from '../../src/app/clock-watch.ts';

it('tells a clock that was set from time that goes by', () => {
  let [now, steady] = [1_000_000, 0];
  const watch = new ClockWatch({ now: () => now, steady: () => steady });
  const pass = (ms: number, setMs = 0): number => {
    now += ms + setMs;
    steady += ms;
    return watch.moved();
  };
  expect(pass(86_400_000)).toBe(0);
  // Drift, however long it adds up, is no setting.
  for (let i = 0; i < 100; i += 1) expect(pass(60_000, 500)).toBe(0);
  expect(pass(1_000, 3_600_000)).toBe(3_600_000);
  expect(pass(1_000)).toBe(0);
  expect(pass(1_000, -86_400_000)).toBe(-86_400_000);
  expect(pass(0)).toBe(0);
});
