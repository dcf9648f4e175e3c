// Work that is done as long as there is some, one round at a time.
import { describe, expect, it } from 'vitest';
import { Worker } from '../../src/app/worker.ts';

/** A worker whose rounds end when they are let go. */
function heldWorker() {
  const waiting: { go: (isMore: boolean) => void; fail: (error: unknown) => void }[] = [];
  const failures: unknown[] = [];
  let rounds = 0;
  const round = (): Promise<boolean> => {
    rounds += 1;
    return new Promise((go, fail) => {
      waiting.push({ go, fail });
    });
  };
  const worker = new Worker(round, (error) => void failures.push(error));
  const next = () => {
    const held = waiting.shift();
    if (!held) throw new Error('no round is under way');
    return held;
  };
  return { worker, next, failures, rounds: () => rounds, underWay: () => waiting.length };
}

describe('a worker', () => {
  it('goes on until a round finds nothing more', async () => {
    let left = 3;
    const worker = new Worker(
      async () => {
        left -= 1;
        return left > 0;
      },
      () => undefined,
    );
    worker.poke();
    await worker.idle();
    expect(left).toBe(0);
  });

  it('begins no second round beside one, and another after it when it was poked meanwhile', async () => {
    const { worker, next, rounds, underWay } = heldWorker();
    worker.poke();
    worker.poke();
    worker.poke();
    expect(rounds()).toBe(1);
    next().go(false);
    await expect.poll(underWay).toBe(1);
    expect(rounds()).toBe(2);
    next().go(false);
    await worker.idle();
    expect(rounds()).toBe(2);
  });

  it('tells of a failure, and tries again at the next poke only', async () => {
    const { worker, next, failures, rounds } = heldWorker();
    const failure = new Error('the store failed');
    worker.poke();
    next().fail(failure);
    await worker.idle();
    expect(failures).toEqual([failure]);
    expect(rounds()).toBe(1);
    worker.poke();
    expect(rounds()).toBe(2);
    next().go(false);
    await worker.idle();
  });

  it('ends with the round that is under way, and begins none when it is poked after that', async () => {
    const { worker, next, rounds } = heldWorker();
    worker.poke();
    worker.poke();
    const closed = worker.close();
    next().go(true);
    await closed;
    worker.poke();
    await worker.idle();
    expect(rounds()).toBe(1);
  });
});
