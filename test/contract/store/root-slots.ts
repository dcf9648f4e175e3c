// Part of the suite of every store: the slots of roots, and the steps that name them.
import { expect, it } from 'vitest';
import type { RootState } from '../../../src/domain/root-slots.ts';
import type { KeptRoot } from '../../../src/ports/root-slots.ts';
import { day, digest, now } from './rows.ts';
import { reopen, store } from './under-test.ts';

const step = new Uint8Array([1, 1, 2, 3, 5]);
const first = (facts: Partial<KeptRoot> = {}): KeptRoot => ({
  number: 1,
  state: 'current',
  fingerprint: digest('root 1'),
  notBefore: now - day,
  notAfter: now + 7_000 * day,
  preparedAt: now - day,
  distributedAt: null,
  activatedAt: now - day,
  endedAt: null,
  port: null,
  sequence: null,
  backupAt: null,
  ...facts,
});
const root = (number: number, state: RootState, facts: Partial<KeptRoot> = {}): KeptRoot =>
  first({
    number,
    state,
    fingerprint: digest(`root ${number}`),
    activatedAt: null,
    port: 8884,
    sequence: 1_000 + number,
    endedAt: state === 'retired' || state === 'aborted' ? now : null,
    ...facts,
  });
const enter = (slot: KeptRoot, bytes?: Uint8Array): Promise<void> =>
  store.transact((tx) => tx.putRootSlot(slot, bytes));

export function rootSlots(): void {
  it('gives back all in order of number, each with the step that names it', async () => {
    expect(await store.read.rootSlots()).toEqual([]);
    const aborted = root(2, 'aborted', { distributedAt: now });
    const next = root(3, 'next', { backupAt: now + 1 });
    await enter(next, step);
    await enter(first());
    await enter(aborted, step.slice(1));
    await reopen();
    expect(await store.read.rootSlots()).toEqual([first(), aborted, next]);
    expect(await Promise.all([1, 2, 3, 4].map((number) => store.read.rootStep(number)))).toEqual([
      null,
      step.slice(1),
      step,
      null,
    ]);
  });

  it('forgets the first root, and with it nothing else', async () => {
    await enter(first());
    await enter(root(2, 'next'), step);
    await store.transact((tx) => tx.forgetFirstCas());
    expect((await store.read.rootSlots()).map(({ number }) => number)).toEqual([2]);
  });

  it('changes a slot, and never what was made or signed', async () => {
    await enter(first());
    await enter(root(2, 'next'), step);
    await enter({ ...root(2, 'next'), distributedAt: now, backupAt: now, sequence: 7, port: 9, notAfter: 1 });
    expect((await store.read.rootSlots())[1]).toEqual(root(2, 'next', { distributedAt: now, backupAt: now }));
    expect(await store.read.rootStep(2)).toEqual(step);
  });

  it('has one next, one current and one former, and no fingerprint or sequence twice', async () => {
    await enter(first({ state: 'former' }));
    await enter(root(2, 'current'), step);
    await enter(root(3, 'next'), step);
    for (const state of ['next', 'current', 'former'] as const) {
      await expect(enter(root(4, state), step)).rejects.toMatchObject({ code: 'conflict' });
    }
    const twins = [{ fingerprint: digest('root 1') }, { sequence: 1_002 }];
    for (const twin of twins) {
      await expect(enter(root(4, 'aborted', twin), step)).rejects.toMatchObject({ code: 'conflict' });
    }
    expect(await store.read.rootSlots()).toHaveLength(3);
  });
}
