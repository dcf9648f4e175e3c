// Part of the suite of every store: transactions are whole, alone, and kept.

import { expect, it } from 'vitest';
import type { Transaction } from '../../../src/ports/store.ts';
import { certificate, contact, idOf, now, principal, serialOf } from './rows.ts';
import { reopen, store } from './under-test.ts';

export function transactions(): void {
  it('reads in a transaction what it has written, and gives its result', async () => {
    const seen = await store.transact(async (tx) => {
      await tx.putPrincipal(principal('new'));
      return tx.principal(idOf('new'));
    });
    expect(seen).toEqual(principal('new'));
  });

  it('undoes everything when the work throws', async () => {
    const fails = store.transact(async (tx) => {
      await tx.putPrincipal(principal('ghost'));
      await tx.putCertificate(certificate('ghost', 'ghost'));
      await tx.enqueue({ kind: 'prompt', renewalId: 'r1' });
      throw new Error('changed my mind');
    });
    await expect(fails).rejects.toThrow('changed my mind');
    expect(await store.read.principal(idOf('ghost'))).toBeNull();
    expect(await store.read.certificate(certificate('ghost', 'ghost').fingerprint)).toBeNull();
    expect(await store.read.dueEffects(now, 10)).toEqual([]);
  });

  it('undoes a failing transaction and no other of those submitted with it', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, (_, i) =>
        store.transact(async (tx) => {
          await tx.putPrincipal(principal(`p${i}`));
          if (i % 4 === 1) throw new Error('no');
          if (i % 4 === 2) await tx.putCertificate({ ...certificate(`c${i}`, 'a'), serial: serialOf('same') });
        }),
      ),
    );
    const committed = (i: number): boolean => i % 4 !== 1 && (i % 4 !== 2 || i === 2);
    for (const [i, { status }] of outcomes.entries()) {
      expect(status).toBe(committed(i) ? 'fulfilled' : 'rejected');
      expect(await store.read.principal(idOf(`p${i}`))).toEqual(committed(i) ? principal(`p${i}`) : null);
    }
  });

  it('runs those about one principal one after another', async () => {
    const increments = Array.from({ length: 50 }, () =>
      store.transact(async (tx) => {
        const slots = (await tx.contact(idOf('a')))?.slots ?? 0;
        await tx.putContact(contact('a', { slots: slots + 1 }));
        return slots;
      }),
    );
    const seen = await Promise.all(increments);
    expect(seen.toSorted((one, other) => one - other)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  it('shows one that begins after another was committed what that one has written', async () => {
    for (let i = 1; i <= 5; i += 1) {
      const slots = await store.transact(async (tx) => {
        const known = (await tx.contact(idOf('a')))?.slots ?? 0;
        await tx.putContact(contact('a', { slots: known + 1 }));
        return known;
      });
      expect(slots).toBe(i - 1);
      expect((await store.read.contact(idOf('a')))?.slots).toBe(i);
    }
  });

  it('never shows anybody what is not committed', async () => {
    const seen: boolean[] = [];
    const writers = Array.from({ length: 600 }, (_, i) =>
      store
        .transact(async (tx) => {
          await tx.putPrincipal(principal('ghost'));
          await Promise.resolve();
          if (i % 7 > 0) throw new Error('no');
          await tx.putPrincipal(principal('ghost', { status: 'decommissioned' }));
        })
        .catch(() => undefined)
        .then(async () => {
          const ghost = await store.read.principal(idOf('ghost'));
          seen.push(ghost === null || ghost.status === 'decommissioned');
        }),
    );
    await Promise.all(writers);
    expect(seen.every(Boolean)).toBe(true);
  });
}

export function limitsOfTransactions(): void {
  it('refuses to write through a transaction that has ended', async () => {
    let kept: Transaction | undefined;
    await store.transact(async (tx) => {
      kept = tx;
    });
    await expect(kept?.putPrincipal(principal('late'))).rejects.toMatchObject({ code: 'unit_closed' });
    expect(await store.read.principal(idOf('late'))).toBeNull();
  });

  it('undoes a transaction that awaits something else than the store', async () => {
    const stalls = store.transact(async (tx) => {
      await tx.putPrincipal(principal('slow'));
      await new Promise((resolve) => setTimeout(resolve, 20));
      await tx.putPrincipal(principal('slower'));
    });
    const beside = store.transact((tx) => tx.putPrincipal(principal('quick')));
    await expect(stalls).rejects.toMatchObject({ code: 'unit_stalled' });
    await beside;
    expect(await store.read.principal(idOf('quick'))).toEqual(principal('quick'));
    expect(await store.read.principal(idOf('slow'))).toBeNull();
  });

  it('keeps everything when it is closed and opened again', async () => {
    const last = store.transact((tx) => tx.putCertificate(certificate('kept', 'a')));
    await reopen();
    await last;
    expect(await store.read.certificate(certificate('kept', 'a').fingerprint)).toEqual(certificate('kept', 'a'));
    expect(await store.read.principal(idOf('a'))).toEqual(principal('a'));
  });

  it('refuses to work once it is closed', async () => {
    await store.close();
    await store.close();
    await expect(store.transact(async () => undefined)).rejects.toMatchObject({ code: 'store_closed' });
    await expect(store.read.principal(idOf('a'))).rejects.toMatchObject({ code: 'store_closed' });
  });
}
