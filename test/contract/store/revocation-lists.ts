// Part of the suite of every store: what a revocation list holds, what it has not been told yet, and when it is due.
import { expect, it } from 'vitest';
import type { LedgerEntry } from '../../../src/domain/certificate.ts';
import type { SignedList } from '../../../src/ports/revocation-lists.ts';
import { certificate, day, now, serialOf } from './rows.ts';
import { put, store } from './under-test.ts';

const superseded = { state: 'retired', revokedAt: now - 1, revocationReason: 'superseded' } as const;
const compromised = { state: 'revoked', revokedAt: now - 1, revocationReason: 'keyCompromise' } as const;
const start = { notAfter: now, serial: '' } as const;

const signed = (shard: number, facts: Partial<SignedList> = {}): SignedList => ({
  shard,
  number: 7,
  thisUpdate: now - day,
  nextUpdate: now + 6 * day,
  scheduledAt: now - day,
  entries: 2,
  bytes: 600,
  listedRevoked: 0,
  listedUrgent: 0,
  ...facts,
});
const url = (shard: number): string => `http://gateway/crl/issuing/${shard}.crl`;
const open = (...shards: number[]): Promise<void> =>
  store.transact(async (tx) => {
    for (const shard of shards) await tx.openRevocationList({ shard, issuer: 1, url: url(shard) });
  });
const sign = (list: SignedList): Promise<void> => store.transact((tx) => tx.putSignedList(list));
const name = (entry: LedgerEntry, shard: number): Promise<void> =>
  store.transact((tx) => tx.nameShard(entry.fingerprint, shard));
const dueAt = async (at: number, waitMs = day): Promise<number[]> => {
  const due = await store.read.revocationListsToSign(at, waitMs, 10);
  return [...new Set(due.map(({ shard }) => shard))].toSorted();
};
const serials = async (shard: number, from: typeof start | LedgerEntry = start, limit = 10): Promise<string[]> =>
  (await store.read.listEntries(shard, from, limit)).map(({ serial }) => serial);

export function revocationLists(): void {
  it('has a complete list from the beginning, due at once, and gives back what was signed', async () => {
    expect(await store.read.revocationList(0)).toMatchObject({ url: null, number: 0, entries: 0 });
    expect(await dueAt(now)).toEqual([0]);
    await sign(signed(0));
    expect(await store.read.revocationList(0)).toEqual({
      ...signed(0),
      issuer: 1,
      url: null,
      certificates: 0,
      lastNotAfter: 0,
      revoked: 0,
      urgent: 0,
    });
    expect(await store.read.revocationList(1)).toBeNull();
  });

  it('lists what is revoked, whatever its state, in the order of its end and in pages', async () => {
    const entries = [
      certificate('1', 'a', superseded),
      certificate('2', 'a', { ...compromised, notAfter: now + 1 }),
      certificate('3', 'a', { ...superseded, notAfter: now - 1 }),
      certificate('4', 'a'),
      certificate('5', 'a', { ...superseded, notAfter: now }),
    ];
    await put(...entries);
    expect(await store.read.listEntries(0, start, 10)).toEqual([
      { serial: serialOf('serial 5'), notAfter: now, revokedAt: now - 1, reason: 'superseded' },
      { serial: serialOf('serial 2'), notAfter: now + 1, revokedAt: now - 1, reason: 'keyCompromise' },
      { serial: serialOf('serial 1'), notAfter: now + 90 * day, revokedAt: now - 1, reason: 'superseded' },
    ]);
    const [first] = await store.read.listEntries(0, start, 1);
    expect(first?.serial).toBe(serialOf('serial 5'));
    expect(await serials(0, entries[4])).toEqual(['2', '1'].map((each) => serialOf(`serial ${each}`)));
  });

  it('goes on within certificates that end together, and misses none', async () => {
    const all = Array.from({ length: 7 }, (_, i) => certificate(`${i}`, 'a', superseded));
    await put(...all);
    const found: string[] = [];
    for (let page = await store.read.listEntries(0, start, 2); page.length > 0; ) {
      expect(page.length).toBeLessThanOrEqual(2);
      found.push(...page.map(({ serial }) => serial));
      page = await store.read.listEntries(0, page.at(-1) ?? start, 2);
    }
    expect(found).toEqual(all.map(({ serial }) => serial as string).toSorted());
  });

  it("leaves out what only another CA's list can name, and does not wait for it", async () => {
    const foreign = certificate('1', 'a', { issuer: null });
    const serial = `${foreign.serial}@0123456789abcdef` as typeof foreign.serial;
    await put({ ...foreign, serial }, certificate('2', 'a'));
    await put({ ...foreign, serial, ...compromised }, certificate('2', 'a', superseded));
    expect(await serials(0)).toEqual([serialOf('serial 2')]);
    expect(await store.read.revocationList(0)).toMatchObject({ revoked: 1, urgent: 0 });
  });

  it('counts with each revocation what a list lacks, once, and only in whose scope it is', async () => {
    await open(1, 2);
    const [one, two, three] = [certificate('1', 'a'), certificate('2', 'a'), certificate('3', 'a')];
    await put(one, two, three);
    await name(one, 1);
    await name(two, 2);
    await put({ ...one, ...superseded }, { ...two, ...compromised }, { ...three, ...superseded });
    await put({ ...one, ...superseded }, { ...two, ...compromised });
    const counted = await store.read.revocationLists(-1, 10);
    expect(counted.map(({ shard, certificates, revoked, urgent }) => [shard, certificates, revoked, urgent])).toEqual([
      [0, 0, 3, 1],
      [1, 1, 1, 0],
      [2, 1, 1, 1],
    ]);
    expect(counted[1]?.lastNotAfter).toBe(one.notAfter);
    expect(await serials(1)).toEqual([one.serial]);
    expect(await serials(2)).toEqual([two.serial]);
    // A certificate that goes on being advanced stays in its shard; one that is undone counts for nothing.
    await store
      .transact(async (tx) => {
        await tx.putCertificate(certificate('4', 'a'));
        await tx.putCertificate(certificate('4', 'a', compromised));
        throw new Error('no');
      })
      .catch(() => undefined);
    expect(await store.read.revocationList(0)).toMatchObject({ revoked: 3, urgent: 1 });
  });

  it('does not wait for what had ended before it was revoked', async () => {
    await put(certificate('1', 'a', { state: 'expired', notAfter: now - 9 }));
    await put(certificate('1', 'a', { ...superseded, notAfter: now - 9 }));
    expect(await store.read.revocationList(0)).toMatchObject({ revoked: 0 });
  });

  it('has a list due when it lacks something, when it has waited, at half its time, and when it is of the future', async () => {
    await open(1, 2, 3);
    for (const shard of [0, 1, 2, 3]) await sign(signed(shard));
    expect(await dueAt(now)).toEqual([]);
    const [routine, urgent] = [certificate('1', 'a'), certificate('2', 'a')];
    await put(routine, urgent);
    await name(routine, 1);
    await name(urgent, 2);
    await put({ ...routine, ...superseded });
    expect(await dueAt(now, day + 1)).toEqual([]);
    expect(await dueAt(now, day)).toEqual([0, 1]);
    await put({ ...urgent, ...compromised });
    expect(await dueAt(now, day + 1)).toEqual([0, 2]);
    await sign(signed(0, { number: 8, listedRevoked: 2, listedUrgent: 1 }));
    await sign(signed(2, { number: 8, listedRevoked: 1, listedUrgent: 1 }));
    expect(await dueAt(now, day + 1)).toEqual([]);
    expect(await dueAt(now + 2.5 * day, 9 * day)).toEqual([0, 1, 2, 3]);
    expect(await dueAt(now - day - 1, 9 * day)).toEqual([0, 1, 2, 3]);
  });

  it('finds shards by URL, the newest, and the one that ends first; a number and a URL are given once', async () => {
    await open(1, 2);
    await sign(signed(0, { nextUpdate: now + 3 }));
    await sign(signed(1, { nextUpdate: now + 1 }));
    await sign(signed(2, { nextUpdate: now + 2 }));
    expect((await store.read.revocationListAt(url(2)))?.shard).toBe(2);
    expect(await store.read.revocationListAt(url(3))).toBeNull();
    expect((await store.read.newestRevocationList())?.shard).toBe(2);
    expect((await store.read.firstRevocationListToEnd())?.shard).toBe(1);
    await expect(open(2)).rejects.toMatchObject({ code: 'conflict' });
    const twin = { shard: 3, issuer: 1, url: url(2) };
    await expect(store.transact((tx) => tx.openRevocationList(twin))).rejects.toMatchObject({ code: 'conflict' });
    await store.transact((tx) => tx.dropRevocationList(1));
    expect((await store.read.revocationLists(0, 10)).map(({ shard }) => shard)).toEqual([2]);
  });
}
