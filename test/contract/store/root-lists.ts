// Part of the suite of every store: the revocation lists of roots, and the issuing CAs that are revoked.
import { expect, it } from 'vitest';
import type { Serial } from '../../../src/domain/certificate.ts';
import type { RevokedIssuing, RootList } from '../../../src/domain/root-list.ts';
import { day, now } from './rows.ts';
import { reopen, store } from './under-test.ts';

const der = new Uint8Array([48, 3, 1, 2, 3]);
const entry = { serial: '0a' as Serial, revokedAt: now, reason: 'keyCompromise' } as const;
const list = (facts: Partial<RootList> = {}): RootList => ({
  root: 1,
  number: 1_000,
  thisUpdate: now,
  nextUpdate: now + 365 * day,
  entries: [],
  ...facts,
});
const put = (given: RootList, bytes = der): Promise<void> => store.transact((tx) => tx.putRootList(given, bytes));
const revoked = (number: number, facts: Partial<RevokedIssuing> = {}): RevokedIssuing => ({
  ...entry,
  number,
  root: 1,
  notAfter: now + day,
  ...facts,
});

export function rootLists(): void {
  it('gives back the list of each root, with its bytes', async () => {
    expect(await store.read.rootList(1)).toBeNull();
    expect(await store.read.rootListBytes(1)).toBeNull();
    await put(list());
    await put(list({ root: 2, entries: [entry] }), der.slice(2));
    await reopen();
    expect(await store.read.rootList(1)).toEqual(list());
    expect(await store.read.rootList(2)).toEqual(list({ root: 2, entries: [entry] }));
    expect(await store.read.rootListBytes(2)).toEqual(der.slice(2));
  });

  it('takes a list of a higher number and the same once more, and nothing that falls behind', async () => {
    await put(list());
    await put(list());
    await expect(put(list(), der.slice(1))).rejects.toMatchObject({ code: 'conflict' });
    await expect(put(list({ number: 999 }))).rejects.toMatchObject({ code: 'conflict' });
    await put(list({ number: 1_001, entries: [entry] }), der.slice(1));
    expect(await store.read.rootList(1)).toMatchObject({ number: 1_001, entries: [entry] });
    expect(await store.read.rootListBytes(1)).toEqual(der.slice(1));
  });

  it('keeps which issuing CAs are revoked, and the first time and reason of each', async () => {
    await store.transact(async (tx) => {
      await tx.revokeIssuing(revoked(3, { root: 2, serial: '0c' as Serial }));
      await tx.revokeIssuing(revoked(1));
      await tx.revokeIssuing(revoked(1, { revokedAt: now + 1, reason: 'superseded' }));
    });
    await reopen();
    expect(await store.read.revokedIssuing()).toEqual([revoked(1), revoked(3, { root: 2, serial: '0c' as Serial })]);
  });
}
