// Part of the suite of every store: what is put comes back as it was, and what may not be put is refused.

import { expect, it } from 'vitest';
import { brokerActor } from '../../../src/domain/actor.ts';
import type { JournalEntry } from '../../../src/ports/journal.ts';
import { approvedRequest, certificate, contact, day, digest, idOf, now, principal, renewal, serialOf } from './rows.ts';
import { put, putRenewals, store } from './under-test.ts';

export function inventoryValues(): void {
  it('knows nothing at first', async () => {
    const { read } = store;
    expect(await read.principal(idOf('nobody'))).toBeNull();
    expect(await read.contact(idOf('nobody'))).toBeNull();
    expect(await read.certificate(digest('x'))).toBeNull();
    expect(await read.certificateBySerial(serialOf('x'))).toBeNull();
    expect(await read.renewal('x')).toBeNull();
    expect(await read.currentRenewal(idOf('nobody'))).toBeNull();
    expect(await read.openRenewalFor(digest('x'))).toBeNull();
    expect(await read.request('x')).toBeNull();
    expect(await read.journal({}, 10)).toEqual([]);
    expect(await read.dueEffects(now, 10)).toEqual([]);
  });

  it('gives principals and contacts back as they were put, nulls included, the last put winning', async () => {
    const bare = principal('b', { site: null, gateway: null, encoding: null, kind: 'service', status: 'quarantined' });
    const silent = contact('b', {
      encoding: null,
      packetBytesMax: null,
      slots: null,
      clockSkewMs: null,
      lastSeenAt: null,
    });
    await store.transact(async (tx) => {
      await tx.putPrincipal(principal('b'));
      await tx.putPrincipal(bare);
      await tx.putContact(contact('b'));
      await tx.putContact(silent);
      await tx.putContact(contact('a'));
    });
    expect(await store.read.principal(idOf('a'))).toEqual(principal('a'));
    expect(await store.read.principal(idOf('b'))).toEqual(bare);
    expect(await store.read.contact(idOf('a'))).toEqual(contact('a'));
    expect(await store.read.contact(idOf('b'))).toEqual(silent);
  });
}

export function ledgerValues(): void {
  it('notes when a certificate and its principal were last seen, and nothing else of them', async () => {
    const entry = certificate('1', 'a', { lastSeenAt: now });
    await put(entry);
    await store.transact(async (tx) => {
      await tx.putPrincipal(principal('b'));
      await tx.putContact(contact('a'));
      await tx.noteSeen(entry.fingerprint, idOf('a'), now + 5);
      await tx.noteSeen(certificate('unknown', 'b').fingerprint, idOf('b'), now + 6);
    });
    expect(await store.read.certificate(entry.fingerprint)).toEqual({ ...entry, lastSeenAt: now + 5 });
    expect(await store.read.contact(idOf('a'))).toEqual(contact('a', { lastSeenAt: now + 5 }));
    const blank = { encoding: null, packetBytesMax: null, slots: null, clockSkewMs: null };
    expect(await store.read.contact(idOf('b'))).toEqual(contact('b', { ...blank, lastSeenAt: now + 6 }));
  });

  it('gives certificates back as they were put, byte for byte, the last put winning in every field', async () => {
    await putRenewals(renewal('r1', 'a'));
    const full = certificate('1', 'a', {
      renewalId: 'r1',
      overlapUntil: now + day,
      revokedAt: now,
      revocationReason: 'superseded',
    });
    const bare = certificate('2', 'a', { activatedAt: null, lastSeenAt: null, renewAt: null });
    await put(full, bare);
    expect(await store.read.certificate(full.fingerprint)).toEqual(full);
    expect(await store.read.certificateBySerial(bare.serial)).toEqual(bare);
    for (const [whole, digits] of [
      [full, full.fingerprint.slice(0, 16)],
      [bare, bare.serial.slice(0, 16)],
    ] as const) {
      expect(await store.read.certificatesBeginning(digits, 9)).toEqual([whole]);
    }
    expect(await store.read.certificatesBeginning('', 9)).toHaveLength(2);
    expect(await store.read.certificatesBeginning('', 1)).toHaveLength(1);
    expect(await store.read.certificatesBeginning(`${bare.serial}0`, 9)).toEqual([]);
    const other = { ...certificate('3', 'a'), fingerprint: full.fingerprint };
    await put(other);
    expect(await store.read.certificate(full.fingerprint)).toEqual(other);
    expect(await store.read.certificateBySerial(full.serial)).toBeNull();
  });

  it('gives renewals, requests and the journal back as they were put', async () => {
    const [old, replacement] = [certificate('old', 'a'), certificate('new', 'a')];
    await put(old, replacement);
    const full = renewal('r1', 'a', {
      state: 'activated',
      oldFingerprint: old.fingerprint,
      newFingerprint: replacement.fingerprint,
      nextAt: null,
      attempts: 3,
      requests: 2,
      requestKey: digest('key'),
      lapsedAt: now + 1,
      activatedAt: now + 2,
      confirmedAt: now + 3,
      heardAt: now + 3,
      reopenedAt: now + 4,
      lastCode: 'flash_full',
      lastDetail: 'no "space" left',
    });
    const line: JournalEntry = {
      at: now,
      action: 'renewal.issued',
      principalId: idOf('a'),
      renewalId: 'r1',
      detail: 'ok',
      actor: { name: 'carla', channel: 'control socket', claimed: true, reason: 'its flash fails' },
    };
    const plain: JournalEntry = {
      ...line,
      principalId: null,
      renewalId: null,
      action: 'crl.published',
      actor: brokerActor,
    };
    const earlier: JournalEntry = { ...line, actor: null };
    await store.transact(async (tx) => {
      await tx.putRenewal(renewal('r1', 'b'));
      await tx.putRenewal(full);
      await tx.putRequest('r1', approvedRequest('first', 'a'));
      await tx.putRequest('r1', approvedRequest('second', 'a'));
      await tx.record(line);
      await tx.record(plain);
      await tx.record(earlier);
    });
    expect(await store.read.renewal('r1')).toEqual(full);
    expect(await store.read.request('r1')).toEqual(approvedRequest('second', 'a'));
    expect(await store.read.journal({}, 10)).toEqual([earlier, plain, line]);
    expect(await store.read.journal({}, 1)).toEqual([earlier]);
    expect(await store.read.journal({ renewalId: 'r1' }, 10)).toEqual([earlier, line]);
    const between = await store.read.journalBetween({ at: now, id: 0 }, now + 1, 10);
    expect(between.map(({ entry }) => entry)).toEqual([line, plain, earlier]);
  });

  it('forgets what the journal was told long ago, the oldest first and no more than asked', async () => {
    const at = (instant: number): JournalEntry => ({
      at: instant,
      action: 'renewal.offered',
      principalId: idOf('a'),
      renewalId: null,
      detail: '',
      actor: null,
    });
    const kept = async () => (await store.read.journal({}, 10)).map((line) => line.at);
    const forget = (before: number, limit: number) => store.transact((tx) => tx.forgetJournal(before, limit));
    await store.transact(async (tx) => {
      for (const instant of [1, 2, 3, 9, 4]) await tx.record(at(instant));
    });
    expect(await forget(5, 2)).toBe(2);
    expect(await kept()).toEqual([4, 9, 3]);
    expect(await forget(5, 2)).toBe(1);
    expect(await kept()).toEqual([4, 9]);
    expect(await forget(5, 2)).toBe(1);
    expect(await kept()).toEqual([9]);
    expect(await forget(9, 2)).toBe(0);
  });
}

export function conflicts(): void {
  it('refuses a second certificate with the same serial, or of the same key in the same renewal', async () => {
    await putRenewals(renewal('r1', 'a'), renewal('r2', 'a'));
    const first = certificate('1', 'a', { renewalId: 'r1' });
    await put(first);
    const { serial, keyFingerprint } = first;
    const conflict = { name: 'NolapseError', code: 'conflict' };
    await expect(put(certificate('2', 'a', { serial }))).rejects.toMatchObject(conflict);
    await expect(put(certificate('3', 'a', { keyFingerprint, renewalId: 'r1' }))).rejects.toMatchObject(conflict);
    await put(certificate('4', 'a', { keyFingerprint, renewalId: 'r2' }));
    await put(certificate('5', 'a', { keyFingerprint }), certificate('6', 'a', { keyFingerprint }));
    expect(await store.read.certificatesByKey(keyFingerprint, 10)).toHaveLength(4);
  });

  it('refuses a second accepted request with the same serial', async () => {
    await putRenewals(renewal('r1', 'a'), renewal('r2', 'a'));
    await store.transact((tx) => tx.putRequest('r1', approvedRequest('1', 'a')));
    const twin = store.transact((tx) => tx.putRequest('r2', approvedRequest('1', 'a')));
    await expect(twin).rejects.toMatchObject({ code: 'conflict' });
  });

  it('refuses what belongs to nobody', async () => {
    const constraint = { code: 'store_constraint' };
    await expect(put(certificate('1', 'nobody'))).rejects.toMatchObject(constraint);
    await expect(putRenewals(renewal('r1', 'nobody'))).rejects.toMatchObject(constraint);
    await expect(putRenewals(renewal('r1', 'a', { oldFingerprint: digest('x') }))).rejects.toMatchObject(constraint);
    await expect(store.transact((tx) => tx.putRequest('none', approvedRequest('1', 'a')))).rejects.toMatchObject(
      constraint,
    );
  });
}
