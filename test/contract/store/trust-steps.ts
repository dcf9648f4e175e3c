// Part of the suite of every store: the signed steps of roots, and what principals were told of them.
import { expect, it } from 'vitest';
import { stepSequenceMax } from '../../../src/domain/trust-step.ts';
import { afterTelling, type KeptStep, nothingTold, type TrustTold } from '../../../src/domain/trust-told.ts';
import { idOf, now } from './rows.ts';
import { store } from './under-test.ts';

const bytes = new Uint8Array(565).fill(7);

function step(sequence: number, facts: Partial<KeptStep> = {}): KeptStep {
  const said = { kind: 'successor', signer: 1, named: 2, size: bytes.length, port: 8_885 } as const;
  return { sequence, ...said, madeAt: now, announcedFrom: null, keptUntil: now + 100, ...facts };
}

const put = (...steps: readonly KeptStep[]) =>
  store.transact(async (tx) => {
    for (const each of steps) await tx.putTrustStep(each, bytes);
  });
const told = (name: string, facts: Partial<TrustTold> = {}): TrustTold => ({ ...nothingTold(idOf(name)), ...facts });

export function trustSteps(): void {
  it('gives steps back in order of sequence, and their bytes apart', async () => {
    expect(await store.read.trustSteps()).toEqual([]);
    expect(await store.read.trustStepBytes(7)).toBeNull();
    const last = step(stepSequenceMax, { kind: 'withdraw', named: 1, announcedFrom: now });
    await put(last, step(7));
    expect(await store.read.trustSteps()).toEqual([step(7), last]);
    expect(await store.read.trustStepBytes(7)).toEqual(bytes);
  });

  it('changes when and where a step is announced, and never what was signed', async () => {
    await put(step(7));
    const released = step(7, { announcedFrom: now, port: 8_886, keptUntil: now + 200 });
    await put(released);
    expect(await store.read.trustSteps()).toEqual([released]);
    const other = Uint8Array.from(bytes, (byte, at) => (at === 80 ? 1 : byte));
    await expect(store.transact((tx) => tx.putTrustStep(step(7), other))).rejects.toMatchObject({ code: 'conflict' });
    expect(await store.read.trustSteps()).toEqual([released]);
    expect(await store.read.trustStepBytes(7)).toEqual(bytes);
  });

  it('forgets the steps that need not be kept any more', async () => {
    await put(step(7), step(8, { keptUntil: now + 101 }));
    expect(await store.transact((tx) => tx.forgetTrustSteps(now + 99))).toBe(0);
    expect(await store.transact((tx) => tx.forgetTrustSteps(now + 100))).toBe(1);
    expect((await store.read.trustSteps()).map(({ sequence }) => sequence)).toEqual([8]);
    expect(await store.read.trustStepBytes(7)).toBeNull();
  });

  it('knows nothing of a step whose transaction was undone', async () => {
    await put(step(7));
    await store.read.trustSteps();
    await expect(
      store.transact(async (tx) => {
        await tx.putTrustStep(step(8), bytes);
        expect(await tx.trustSteps()).toHaveLength(2);
        throw new Error('undone');
      }),
    ).rejects.toThrow('undone');
    expect(await store.read.trustSteps()).toEqual([step(7)]);
  });

  it('gives back what a principal was told, and who is due to be told again', async () => {
    expect(await store.read.trustTold(idOf('a'))).toBeNull();
    const settled = [{ sequence: 7, stored: true, way: 'carried' }] as const;
    const a = { ...afterTelling(told('a', { settled, reopenedAt: 5 }), 8, 'own', now), nextAt: now + 2 };
    const all = [a, told('b', { nextAt: now + 1 }), told('c', { nextAt: now + 3 }), told('d')];
    await store.transact(async (tx) => {
      for (const each of all) await tx.putTrustTold(each);
    });
    expect(await store.read.trustTold(idOf('a'))).toEqual(a);
    expect(await store.read.dueTrustTold(now, 10)).toEqual([]);
    expect(await store.read.dueTrustTold(now + 2, 10)).toEqual([idOf('b'), idOf('a')]);
    expect(await store.read.dueTrustTold(now + 3, 1)).toEqual([idOf('b')]);
    await store.transact((tx) => tx.putTrustTold(told('b')));
    expect(await store.read.trustTold(idOf('b'))).toEqual(told('b'));
    expect(await store.read.dueTrustTold(now + 3, 10)).toEqual([idOf('a'), idOf('c')]);
  });
}
