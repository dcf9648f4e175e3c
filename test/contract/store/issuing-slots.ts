// Part of the suite of every store: the slots of issuing CAs, whose certificates are whose, and which list names what.
import { expect, it } from 'vitest';
import type { IssuingSlot, SlotState } from '../../../src/domain/issuing-slots.ts';
import { certificate, day, digest, now, serialOf } from './rows.ts';
import { put, reopen, store } from './under-test.ts';

const slot = (number: number, state: SlotState, facts: Partial<IssuingSlot> = {}): IssuingSlot => ({
  number,
  root: 1,
  state,
  keyFingerprint: digest(`key ${number}`),
  certificate: { fingerprint: digest(`issuing ${number}`), notBefore: now - day, notAfter: now + 900 * day },
  preparedAt: now - day,
  activatedAt: state === 'next' ? null : now,
  replacedAt: null,
  endedAt: state === 'retired' || state === 'aborted' ? now : null,
  lastLeafEnd: 0,
  ...facts,
});
const enter = (...slots: IssuingSlot[]): Promise<void> =>
  store.transact(async (tx) => {
    for (const each of slots) await tx.putIssuingSlot(each);
  });
const lastEnds = async () => (await store.read.issuingSlots()).map(({ lastLeafEnd }) => lastLeafEnd);
const compromised = { state: 'revoked', revokedAt: now - 1, revocationReason: 'keyCompromise' } as const;

export function issuingSlots(): void {
  it('gives back those in a slot in order of number, and those that are over, the newest first', async () => {
    expect(await store.read.issuingSlots()).toEqual([]);
    expect(await store.read.lastIssuingNumber()).toBe(0);
    const living = [slot(1, 'former'), slot(4, 'current'), slot(5, 'next', { certificate: null })];
    await enter(...living, slot(2, 'retired'), slot(3, 'aborted', { certificate: null }), slot(6, 'aborted'));
    await reopen();
    expect(await store.read.issuingSlots()).toEqual(living);
    expect((await store.read.endedIssuingSlots(2)).map(({ number }) => number)).toEqual([6, 3]);
    expect(await store.read.lastIssuingNumber()).toBe(6);
  });

  it('has one current and one next below a root, and no more', async () => {
    await enter(slot(1, 'current'), slot(2, 'next'));
    for (const state of ['current', 'next'] as const) {
      await expect(enter(slot(3, state))).rejects.toMatchObject({ code: 'conflict' });
    }
    await enter(slot(3, 'current', { root: 2 }));
    await enter(slot(1, 'former'), slot(2, 'current'));
    expect((await store.read.issuingSlots()).map(({ state }) => state)).toEqual(['former', 'current', 'current']);
  });

  it('knows until when certificates of each are in use, never too early and by a small part of a life too late', async () => {
    await enter(slot(1, 'current'), slot(2, 'next'));
    expect(await lastEnds()).toEqual([0, 0]);
    await put(certificate('1', 'a'), certificate('2', 'a', { issuer: null, notAfter: now + 999 * day }));
    const slack = Math.floor((91 * day) / 64);
    expect(await lastEnds()).toEqual([now + 90 * day + slack, 0]);
    await put(certificate('3', 'a', { notAfter: now + 90 * day + slack }));
    expect(await lastEnds()).toEqual([now + 90 * day + slack, 0]);
    await put(certificate('4', 'a', { issuer: 2, notBefore: now, notAfter: now + 64 }));
    expect(await lastEnds()).toEqual([now + 90 * day + slack, now + 65]);
    // What is known of it does not change with its slot.
    await enter(slot(1, 'former', { lastLeafEnd: 0 }));
    expect((await lastEnds())[0]).toBe(now + 90 * day + slack);
  });

  it('lists a revocation under the issuing CA that signed the certificate, and under no other', async () => {
    await enter(slot(1, 'former'), slot(2, 'current'));
    await store.transact((tx) => tx.openRevocationList({ shard: -1, issuer: 2, url: null }));
    const [one, two, foreign] = [1, 2, null].map((issuer) => certificate(`${issuer}`, 'a', { issuer }));
    if (!one || !two || !foreign) throw new Error('there are three');
    await put(one, two, foreign);
    await put({ ...one, ...compromised }, { ...foreign, ...compromised });
    const serials = async (shard: number) =>
      (await store.read.listEntries(shard, { notAfter: now, serial: '' }, 10)).map(({ serial }) => serial);
    expect([await serials(0), await serials(-1)]).toEqual([[serialOf('serial 1')], []]);
    expect(await store.read.revocationList(0)).toMatchObject({ issuer: 1, revoked: 1, urgent: 1 });
    expect(await store.read.revocationList(-1)).toMatchObject({ issuer: 2, revoked: 0, urgent: 0, url: null });
    await put({ ...two, ...compromised }, certificate('3', 'a', { issuer: 2, ...compromised }));
    expect([await serials(0), await serials(-1)].map(({ length }) => length)).toEqual([1, 2]);
    expect(await store.read.revocationList(-1)).toMatchObject({ revoked: 2, urgent: 2 });
    expect((await store.read.revocationLists(-Number.MAX_SAFE_INTEGER, 10)).map(({ shard }) => shard)).toEqual([-1, 0]);
  });

  it('numbers the shards of all issuing CAs together, and finds the newest of each', async () => {
    const url = (shard: number): string => `http://gateway/crl/${shard}.crl`;
    await store.transact(async (tx) => {
      for (const [shard, issuer] of [
        [1, 1],
        [2, 2],
        [3, 1],
      ] as const) {
        await tx.openRevocationList({ shard, issuer, url: url(shard) });
      }
    });
    expect((await store.read.newestRevocationList())?.shard).toBe(3);
    expect((await store.read.newestShard(1))?.shard).toBe(3);
    expect((await store.read.newestShard(2))?.shard).toBe(2);
    expect(await store.read.newestShard(3)).toBeNull();
  });

  it('takes from the first issuing CA what does not name its key', async () => {
    await enter(slot(1, 'current'));
    const named = certificate('1', 'a', { der: new Uint8Array([1, 2, 3, 4, 5]), notAfter: now + 7 * day });
    await put(named, certificate('2', 'a', { der: new Uint8Array([1, 2, 4, 5]), notAfter: now + 8 * day }));
    await put(certificate('3', 'a', { issuer: 2, der: new Uint8Array([9]) }));
    await store.transact((tx) => tx.settleFirstIssuer(new Uint8Array([2, 3, 4])));
    const issuers = ['1', '2', '3'].map(async (name) => {
      const entry = await store.read.certificate(digest(`certificate ${name}`));
      return entry?.issuer;
    });
    expect(await Promise.all(issuers)).toEqual([1, null, 2]);
    expect(await lastEnds()).toEqual([now + 7 * day]);
  });
}
