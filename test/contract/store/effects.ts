// Part of the suite of every store: what is owed stays until it is settled, once for each key.

import { expect, it } from 'vitest';
import { type Effect, putOffMaxMs } from '../../../src/domain/effect.ts';
import type { QueuedKind } from '../../../src/ports/outbox.ts';
import { digest, idOf, now, principal } from './rows.ts';
import { owe, store } from './under-test.ts';

export function effects(): void {
  const prompt = (renewalId: string): Effect => ({ kind: 'prompt', renewalId });

  it('gives effects back in the order they were owed, as many as asked for', async () => {
    const all: Effect[] = [
      prompt('r2'),
      { kind: 'close-certificate', fingerprint: digest('x'), reason: 'revoked' },
      { kind: 'close-principal', principalId: idOf('a'), reason: 'decommissioned' },
      { kind: 'announce-all', sequence: 7, after: null },
      { kind: 'announce-all', sequence: 8, after: idOf('a') },
    ];
    await owe(...all);
    const due = await store.read.dueEffects(now, 10);
    expect(due.map(({ effect }) => effect)).toEqual(all);
    expect(due.map(({ attempts }) => attempts)).toEqual(all.map(() => 0));
    expect((await store.read.dueEffects(now, 2)).map(({ effect }) => effect)).toEqual(all.slice(0, 2));
  });

  it('owes one effect a key: the newer stays when the older is settled', async () => {
    await owe(prompt('r1'));
    const [older] = await store.read.dueEffects(now, 10);
    await owe(prompt('r2'), prompt('r1'));
    await store.transact((tx) => tx.complete(older?.id ?? -1));
    const due = await store.read.dueEffects(now, 10);
    expect(due.map(({ effect }) => effect)).toEqual([prompt('r2'), prompt('r1')]);
    await store.transact(async (tx) => {
      for (const { id } of due) await tx.complete(id);
    });
    expect(await store.read.dueEffects(now, 10)).toEqual([]);
  });

  it('puts an effect off until it is due again, or owed again', async () => {
    await owe(prompt('r1'));
    const [effect] = await store.read.dueEffects(now, 10);
    await store.transact((tx) => tx.putOff(effect?.id ?? -1, now + 5));
    expect(await store.read.dueEffects(now + 4, 10)).toEqual([]);
    expect(await store.read.dueEffects(now + 5, 10)).toMatchObject([{ id: effect?.id, attempts: 1, dueAt: now + 5 }]);
    await owe(prompt('r1'));
    expect(await store.read.dueEffects(now, 10)).toMatchObject([{ attempts: 0 }]);
  });

  it('has an effect due at once that was put off by a clock that ran ahead', async () => {
    await owe(prompt('r1'), prompt('r2'));
    const [far, near] = await store.read.dueEffects(now, 10);
    await store.transact(async (tx) => {
      await tx.putOff(far?.id ?? -1, now + putOffMaxMs + 1);
      await tx.putOff(near?.id ?? -1, now + putOffMaxMs);
    });
    expect((await store.read.dueEffects(now, 10)).map(({ effect }) => effect)).toEqual([prompt('r1')]);
  });

  it('has what waits its turn wait apart, each kind in its order', async () => {
    const offer = (renewalId: string, by: number): Effect => ({ kind: 'prompt', renewalId, by });
    const issue = (renewalId: string, by: number): Effect => ({ kind: 'issue', renewalId, by });
    const revoke = (name: string, isUrgent: boolean): Effect => ({
      kind: 'revoke',
      fingerprint: digest(name),
      isUrgent,
    });
    await owe(offer('r1', 300), issue('r2', 20), offer('r3', 100), prompt('r4'), offer('r5', 200), issue('r6', 10));
    await owe(revoke('a', false), revoke('b', true));
    const announce = (id: string, since: number): Effect => ({ kind: 'announce', principalId: idOf(id), since });
    // Who asks again while it waits keeps its place.
    await owe(announce('a', 1), announce('b', 2), announce('a', 3), announce('c', 3), announce('b', 4));
    const waiting = async (kind: QueuedKind, limit: number, at = now) =>
      (await store.read.queuedEffects(kind, at, limit)).map(({ effect }) => effect);
    expect((await store.read.dueEffects(now, 10)).map(({ effect }) => effect)).toEqual([prompt('r4')]);
    expect(await waiting('prompt', 2)).toEqual([offer('r3', 100), offer('r5', 200)]);
    expect(await waiting('issue', 10)).toEqual([issue('r6', 10), issue('r2', 20)]);
    expect(await waiting('revoke', 10)).toEqual([revoke('b', true), revoke('a', false)]);
    expect(await waiting('announce', 10)).toEqual([announce('a', 3), announce('b', 4), announce('c', 3)]);
    const [first] = await store.read.queuedEffects('issue', now, 1);
    await store.transact((tx) => tx.putOff(first?.id ?? -1, now + 5));
    expect(await waiting('issue', 10)).toEqual([issue('r2', 20)]);
    expect(await waiting('issue', 10, now + 5)).toEqual([issue('r6', 10), issue('r2', 20)]);
    // The same thing is owed once, wherever it waits.
    await owe(prompt('r3'), offer('r4', 50));
    expect((await store.read.dueEffects(now, 10)).map(({ effect }) => effect)).toEqual([prompt('r3')]);
    expect(await waiting('prompt', 1)).toEqual([offer('r4', 50)]);
  });

  it('tells the listener after the commit of what owed something, and of nothing else', async () => {
    const told: number[] = [];
    let listened: Promise<void> = Promise.resolve();
    store.onOwed(() => {
      listened = store.read.dueEffects(now, 10).then((due) => void told.push(due.length));
    });
    await store.transact((tx) => tx.putPrincipal(principal('c')));
    const fails = store.transact(async (tx) => {
      await tx.enqueue(prompt('r0'));
      throw new Error('no');
    });
    await expect(fails).rejects.toThrow('no');
    expect(told).toEqual([]);
    await Promise.all([owe(prompt('r1')), owe(prompt('r2'))]);
    await listened;
    expect(told).toEqual([2]);
  });

  it('tells it what was owed: of one commit together, and of a later one anew', async () => {
    const told: string[][] = [];
    store.onOwed((owed) => void told.push([...owed].toSorted()));
    const close: Effect = { kind: 'close-principal', principalId: principal('a').id, reason: 'enrolled' };
    await Promise.all([owe(prompt('r1')), owe({ kind: 'prompt', renewalId: 'r2', by: 5 }, prompt('r3'))]);
    await owe({ kind: 'issue', renewalId: 'r1', by: 5 });
    await owe(close);
    await expect.poll(() => told).toEqual([['offer', 'prompt'], ['issue'], ['close']]);
  });
}
