// Answers that are made once for everybody who asks within a while, on a clock of their own.
import { afterEach, expect, it, vi } from 'vitest';
import { keptFor } from '../../src/http/kept-for.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

it('makes an answer once for all who ask within the time, and anew after it or after a failure', async () => {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  let made = 0;
  const answer = keptFor(1_000, async () => {
    made += 1;
    if (made === 2) throw new Error('no answer');
    return made;
  });
  expect(await Promise.all(Array.from({ length: 20 }, () => answer()))).toEqual(Array(20).fill(1));
  now = 999;
  expect(await answer()).toBe(1);
  now = 1_000;
  await expect(answer()).rejects.toThrow('no answer');
  expect(await answer()).toBe(3);
  now = 1_500;
  expect(await answer()).toBe(3);
});
