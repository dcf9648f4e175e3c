// Part of the suite of every store: what lists and sweeps find, and in what order.

import { expect, it } from 'vitest';
import { openStates, renewalStates } from '../../../src/domain/renewal.ts';
import type { Store } from '../../../src/ports/store.ts';
import { certificate, day, idOf, now, principal, renewal, serialOf } from './rows.ts';
import { put, putRenewals, store } from './under-test.ts';

export function lists(): void {
  it('lists principals by id, in pages, filtered', async () => {
    await store.transact(async (tx) => {
      for (const id of ['d', 'c', 'e']) await tx.putPrincipal(principal(id, { site: 'south', owner: 'other' }));
    });
    const ids = async (...args: Parameters<Store['read']['principals']>): Promise<string[]> =>
      (await store.read.principals(...args)).map(({ id }) => id);
    expect(await ids({}, { limit: 10 })).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(await ids({}, { limit: 2, after: 'b' })).toEqual(['c', 'd']);
    expect(await ids({ site: 'south', owner: 'other' }, { limit: 2 })).toEqual(['c', 'd']);
    expect(await ids({ status: 'active', kind: 'device', site: 'north' }, { limit: 9 })).toEqual(['a', 'b']);
    expect(await ids({ kind: 'no such kind' }, { limit: 9 })).toEqual([]);
  });

  it("lists a principal's certificates, the newest first, and all of them in pages", async () => {
    const mine = [1, 3, 2].map((i) => certificate(`${i}`, 'a', { issuedAt: now + i }));
    await put(...mine, certificate('other', 'b'));
    const issued = (await store.read.certificatesOf(idOf('a'), { limit: 10 })).map(({ issuedAt }) => issuedAt - now);
    expect(issued).toEqual([3, 2, 1]);
    const first = await store.read.certificates({ limit: 3 });
    const rest = await store.read.certificates({ limit: 3, after: first.at(-1)?.fingerprint ?? '' });
    expect(first).toHaveLength(3);
    expect(new Set([...first, ...rest].map(({ fingerprint }) => fingerprint)).size).toBe(4);
  });

  it('finds the current renewal: the newest that has not retired, been cancelled or lapsed', async () => {
    for (const [i, state] of renewalStates.entries()) {
      await putRenewals(renewal(`r${i}`, 'a', { state: 'due', createdAt: now + i }));
      expect((await store.read.currentRenewal(idOf('a')))?.id).toBe(`r${i}`);
      await putRenewals(renewal(`r${i}`, 'a', { state, createdAt: now + i }));
      const current = await store.read.currentRenewal(idOf('a'));
      const ended = ['retired', 'cancelled', 'lapsed'].includes(state);
      expect(current?.id === `r${i}`).toBe(!ended);
    }
    expect((await store.read.currentRenewal(idOf('a')))?.id).toBe(`r${renewalStates.indexOf('failed')}`);
    const unended = (await store.read.unendedRenewals(idOf('a'))).map(({ state }) => state);
    expect(new Set(unended)).toEqual(new Set([...openStates, 'activated']));
    expect(unended).toHaveLength(openStates.length + 1);
    expect(await store.read.currentRenewal(idOf('b'))).toBeNull();
  });

  it('finds the open renewal of a certificate in every open state, and in no other', async () => {
    const old = certificate('old', 'a');
    await put(old);
    for (const state of renewalStates) {
      await putRenewals(renewal('r1', 'a', { state, oldFingerprint: old.fingerprint }));
      const open = await store.read.openRenewalFor(old.fingerprint);
      expect(open?.id).toBe(openStates.includes(state) ? 'r1' : undefined);
    }
  });

  it('lists renewals, the newest first, of one principal or in one state', async () => {
    await putRenewals(
      renewal('r1', 'a', { state: 'retired', createdAt: now }),
      renewal('r2', 'b', { createdAt: now + 1 }),
      renewal('r3', 'a', { createdAt: now + 2 }),
    );
    const ids = async (...args: Parameters<Store['read']['renewals']>): Promise<string[]> =>
      (await store.read.renewals(...args)).map(({ id }) => id);
    expect(await ids({}, 10)).toEqual(['r3', 'r2', 'r1']);
    expect(await ids({}, 2)).toEqual(['r3', 'r2']);
    expect(await ids({ principalId: idOf('a') }, 10)).toEqual(['r3', 'r1']);
    expect(await ids({ state: 'due' }, 10)).toEqual(['r3', 'r2']);
    expect(await ids({ principalId: idOf('a'), state: 'retired' }, 10)).toEqual(['r1']);
    expect(await ids({ after: 'r3' }, 1)).toEqual(['r2']);
    expect(await ids({ principalId: idOf('a'), after: 'r3' }, 10)).toEqual(['r1']);
    expect(await ids({ after: 'nothing' }, 10)).toEqual([]);
  });
}

export function sweeps(): void {
  it('finds the active certificates that are due, those with the nearest end first', async () => {
    await put(
      certificate('later', 'a', { renewAt: now - 5, notAfter: now + 9 * day }),
      certificate('sooner', 'a', { renewAt: now, notAfter: now + day }),
      certificate('soon', 'a', { renewAt: now - 9, notAfter: now + 2 * day }),
      certificate('not yet', 'a', { renewAt: now + 1 }),
      certificate('being renewed', 'a', { renewAt: null }),
      certificate('not in use', 'a', { state: 'issued', renewAt: now - 1 }),
    );
    const due = async (limit: number): Promise<unknown> =>
      (await store.read.dueCertificates(now, limit)).map((e) => e.serial);
    const order = ['sooner', 'soon', 'later'].map((name) => serialOf(`serial ${name}`));
    expect(await due(10)).toEqual(order);
    expect(await due(2)).toEqual(order.slice(0, 2));
  });

  it('finds the renewals whose time has come, the earliest first', async () => {
    await putRenewals(
      renewal('r1', 'a', { nextAt: now }),
      renewal('r2', 'a', { nextAt: now - 2 }),
      renewal('r3', 'a', { nextAt: now + 1 }),
      renewal('r4', 'a', { nextAt: null }),
      renewal('r5', 'a', { nextAt: now - 1, state: 'activated' }),
    );
    expect((await store.read.dueRenewals(now, 10)).map(({ id }) => id)).toEqual(['r2', 'r5', 'r1']);
    expect((await store.read.dueRenewals(now, 1)).map(({ id }) => id)).toEqual(['r2']);
  });

  it('finds the living certificates whose notAfter or overlap has ended', async () => {
    await put(
      certificate('expired', 'a', { notAfter: now }),
      certificate('never used', 'a', { state: 'issued', notAfter: now - 3 }),
      certificate('overlap over', 'a', { state: 'superseded', overlapUntil: now - 1 }),
      certificate('overlap on', 'a', { state: 'superseded', overlapUntil: now + 1 }),
      certificate('gone', 'a', { state: 'expired', notAfter: now - 9 }),
      certificate('retired', 'a', { state: 'retired', overlapUntil: now - 9 }),
      certificate('good', 'a'),
    );
    const names = ['never used', 'overlap over', 'expired'].map((name) => serialOf(`serial ${name}`));
    expect((await store.read.endedCertificates(now, 10)).map((e) => e.serial)).toEqual(names);
    expect(await store.read.endedCertificates(now, 1)).toHaveLength(1);
  });

  it('counts certificates and renewals by the state they are found in, and what was late, also after an undone change', async () => {
    await put(certificate('1', 'a'), certificate('2', 'a'), certificate('3', 'a', { state: 'issued' }));
    await put(certificate('2', 'a', { state: 'expired' }));
    await putRenewals(renewal('r1', 'a'), renewal('r2', 'a', { lapsedAt: now }), renewal('r3', 'a', { lapsedAt: now }));
    await putRenewals(renewal('r4', 'a', { state: 'retired', lapsedAt: now }));
    await putRenewals(renewal('r1', 'a', { state: 'offered' }), renewal('r3', 'a', { state: 'lapsed', lapsedAt: now }));
    await store
      .transact(async (tx) => {
        await tx.putCertificate(
          certificate('1', 'a', { state: 'revoked', revokedAt: now, revocationReason: 'superseded' }),
        );
        throw new Error('no');
      })
      .catch(() => undefined);
    const { certificates, renewals, late } = await store.read.counts();
    expect(certificates).toEqual({ issued: 1, active: 1, superseded: 0, retired: 0, revoked: 0, expired: 1 });
    expect(renewals).toMatchObject({ due: 0, offered: 1, lapsed: 2, retired: 1 });
    expect(late).toBe(1);
    const found = await store.read.renewals({ state: 'lapsed' }, 10);
    expect(found.map(({ id }) => id)).toEqual(['r3', 'r2']);
  });
}
