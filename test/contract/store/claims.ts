// Part of the suite of every store: several workers share what is owed. None is given what another one has, and what a dead one has left
// comes back.
import { expect, it } from 'vitest';
import type { Effect } from '../../../src/domain/effect.ts';
import { leaseMaxMs } from '../../../src/ports/outbox.ts';
import { now } from './rows.ts';
import { owe, reopen, store } from './under-test.ts';

const leaseMs = 60_000;
const prompts = (count: number): Effect[] =>
  Array.from({ length: count }, (_, i) => ({ kind: 'prompt', renewalId: `r${i}` }));
const offers = (count: number): Effect[] =>
  Array.from({ length: count }, (_, i) => ({ kind: 'prompt', renewalId: `r${i}`, by: i }));

async function claim(worker: string, limit: number, at = now, kind: 'prompt' | 'issue' | null = null) {
  return store.claims.claim(kind, { worker, until: at + leaseMs }, at, limit);
}

const settle = (ids: readonly number[]): Promise<void> =>
  store.transact(async (tx) => {
    for (const id of ids) await tx.complete(id);
  });

const idsOf = (waiting: readonly { readonly id: number }[]): number[] => waiting.map(({ id }) => id);

export function claims(): void {
  it.each([
    ['what is due', prompts(100), null],
    ['what waits its turn', offers(100), 'prompt'],
  ] as const)('has two workers carry out %s, each effect once, until nothing is left', async (_what, effects, kind) => {
    await owe(...effects);
    const all = kind === null ? await store.read.dueEffects(now, 200) : await store.read.queuedEffects(kind, now, 200);
    expect(all).toHaveLength(100);
    const carriedOut: number[] = [];
    const work = async (worker: string, together: number): Promise<void> => {
      for (;;) {
        const claimed = idsOf(await claim(worker, together, now, kind));
        if (claimed.length === 0) return;
        carriedOut.push(...claimed);
        await settle(claimed);
      }
    };
    await Promise.all([work('one', 7), work('two', 11)]);
    expect(carriedOut.toSorted((one, other) => one - other)).toEqual(idsOf(all).toSorted((one, other) => one - other));
    expect(await store.read.dueEffects(now, 10)).toEqual([]);
  });

  it('gives them in their order, and the next ones to whoever claims while others are being carried out', async () => {
    await owe(...offers(6));
    const [first, second] = [await claim('one', 2, now, 'prompt'), await claim('two', 3, now, 'prompt')];
    const ranks = [...first, ...second].map(({ effect }) => (effect.kind === 'prompt' ? effect.by : null));
    expect(ranks).toEqual([0, 1, 2, 3, 4]);
    expect(await claim('one', 10, now, 'issue')).toEqual([]);
  });

  it('gives what a dead worker has left to another once its lease has ended, and not before', async () => {
    await owe(...prompts(3));
    const left = await claim('dead', 2);
    expect(await claim('alive', 10)).toHaveLength(1);
    expect(await claim('alive', 10, now + leaseMs - 1)).toEqual([]);
    expect(idsOf(await claim('alive', 10, now + leaseMs))).toEqual(expect.arrayContaining(idsOf(left)));
    // It was not dead after all: what it settles is settled.
    await settle(idsOf(left));
    expect(await store.read.dueEffects(now, 10)).toHaveLength(1);
  });

  it('gives it to another at once where the clock was set back since, and the lease would last too long', async () => {
    await owe(...prompts(1));
    expect(await claim('dead', 1)).toHaveLength(1);
    expect(await claim('alive', 1, now - leaseMaxMs)).toHaveLength(1);
  });

  it('gives again what was released, put off and due again, or owed anew, and leaves alone what another has', async () => {
    await owe(...prompts(3));
    const [first, second, third] = idsOf(await claim('one', 3)) as [number, number, number];
    await store.claims.release('two', [first]);
    expect(await claim('two', 10)).toEqual([]);
    await store.claims.release('one', [first]);
    expect(idsOf(await claim('two', 10))).toEqual([first]);
    await store.transact((tx) => tx.putOff(second, now + 5));
    expect(await claim('two', 10)).toEqual([]);
    expect(idsOf(await claim('two', 10, now + 5))).toEqual([second]);
    await owe({ kind: 'prompt', renewalId: 'r2' });
    const [anew] = await claim('two', 10, now + 5);
    expect(anew?.effect).toEqual({ kind: 'prompt', renewalId: 'r2' });
    expect(anew?.id).not.toBe(third);
  });

  it('leaves a claim in force when the unit that was to settle it is undone', async () => {
    await owe(...prompts(1));
    const [claimed] = idsOf(await claim('one', 1));
    const undone = store.transact(async (tx) => {
      await tx.complete(claimed ?? -1);
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await claim('two', 1)).toEqual([]);
  });

  it('forgets no effect that was claimed when the process died', async () => {
    await owe(...prompts(2));
    await claim('dead', 2);
    await reopen();
    expect(await claim('alive', 10, now + leaseMs)).toHaveLength(2);
  });
}
