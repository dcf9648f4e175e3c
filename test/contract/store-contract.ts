// What every store must do, whatever holds its rows. An adapter's test calls this with a way to open an empty store.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LedgerEntry } from '../../src/domain/certificate.ts';
import type { Effect } from '../../src/domain/effect.ts';
import { openStates, type Renewal, renewalStates } from '../../src/domain/renewal.ts';
import type { JournalEntry, Store, Transaction } from '../../src/ports/store.ts';
import {
  approvedRequest,
  certificate,
  contact,
  day,
  digest,
  idOf,
  now,
  principal,
  renewal,
  serialOf,
} from './store-rows.ts';

export interface OpenedStore {
  readonly store: Store;
  /** Closes the store and opens what it kept. */
  reopen(): Promise<Store>;
  /** Closes it and forgets everything. */
  discard(): Promise<void>;
}

let opened: OpenedStore;
let store: Store;

const put = (...entries: LedgerEntry[]): Promise<void> =>
  store.transact(async (tx) => {
    for (const entry of entries) await tx.putCertificate(entry);
  });

const putRenewals = (...rows: Renewal[]): Promise<void> =>
  store.transact(async (tx) => {
    for (const row of rows) await tx.putRenewal(row);
  });

const owe = (...effects: Effect[]): Promise<void> =>
  store.transact(async (tx) => {
    for (const effect of effects) await tx.owe(effect);
  });

function roundTrips(): void {
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
    expect(await read.crl()).toBeNull();
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
    const other = { ...certificate('3', 'a'), fingerprint: full.fingerprint };
    await put(other);
    expect(await store.read.certificate(full.fingerprint)).toEqual(other);
    expect(await store.read.certificateBySerial(full.serial)).toBeNull();
  });

  it('gives renewals, requests, the CRL and the journal back as they were put', async () => {
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
      lastCode: 'flash_full',
      lastDetail: 'no "space" left',
    });
    const crl = { number: 7, thisUpdate: now, nextUpdate: now + day, der: new Uint8Array([1, 2, 0, 255]) };
    const line: JournalEntry = {
      at: now,
      action: 'renewal.issued',
      principalId: idOf('a'),
      renewalId: 'r1',
      detail: 'ok',
    };
    const plain: JournalEntry = { ...line, principalId: null, renewalId: null, action: 'crl.published' };
    await store.transact(async (tx) => {
      await tx.putRenewal(renewal('r1', 'b'));
      await tx.putRenewal(full);
      await tx.putRequest('r1', approvedRequest('first', 'a'));
      await tx.putRequest('r1', approvedRequest('second', 'a'));
      await tx.putCrl({ ...crl, number: 6 });
      await tx.putCrl(crl);
      await tx.record(line);
      await tx.record(plain);
    });
    expect(await store.read.renewal('r1')).toEqual(full);
    expect(await store.read.request('r1')).toEqual(approvedRequest('second', 'a'));
    expect(await store.read.crl()).toEqual(crl);
    expect(await store.read.journal({}, 10)).toEqual([plain, line]);
    expect(await store.read.journal({}, 1)).toEqual([plain]);
    expect(await store.read.journal({ principalId: idOf('a') }, 10)).toEqual([line]);
    expect(await store.read.journal({ renewalId: 'r1' }, 10)).toEqual([line]);
    expect(await store.read.journal({ principalId: idOf('b'), renewalId: 'r1' }, 10)).toEqual([]);
  });
}

function transactions(): void {
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
      await tx.owe({ kind: 'publish-crl' });
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

  it('runs transactions one after another, in the order they came', async () => {
    const increments = Array.from({ length: 50 }, () =>
      store.transact(async (tx) => {
        const slots = (await tx.contact(idOf('a')))?.slots ?? 0;
        await tx.putContact(contact('a', { slots: slots + 1 }));
        return slots;
      }),
    );
    expect(await Promise.all(increments)).toEqual(Array.from({ length: 50 }, (_, i) => i));
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
    store = await opened.reopen();
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

function conflicts(): void {
  it('refuses a second certificate with the same serial, or of the same key in the same renewal', async () => {
    await putRenewals(renewal('r1', 'a'), renewal('r2', 'a'));
    const first = certificate('1', 'a', { renewalId: 'r1' });
    await put(first);
    const { serial, keyFingerprint } = first;
    const conflict = { name: 'GatewayError', code: 'conflict' };
    await expect(put(certificate('2', 'a', { serial }))).rejects.toMatchObject(conflict);
    await expect(put(certificate('3', 'a', { keyFingerprint, renewalId: 'r1' }))).rejects.toMatchObject(conflict);
    await put(certificate('4', 'a', { keyFingerprint, renewalId: 'r2' }));
    await put(certificate('5', 'a', { keyFingerprint }), certificate('6', 'a', { keyFingerprint }));
    expect(await store.read.certificatesByKey(keyFingerprint)).toHaveLength(4);
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

function lists(): void {
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
    const issued = (await store.read.certificatesOf(idOf('a'))).map(({ issuedAt }) => issuedAt - now);
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
  });
}

function sweeps(): void {
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

  it('lists for the CRL what is revoked and unexpired, whatever its state', async () => {
    const revoked = { revokedAt: now - 1, revocationReason: 'superseded' } as const;
    await put(
      certificate('1', 'a', { state: 'retired', ...revoked }),
      certificate('2', 'a', { state: 'revoked', ...revoked, revocationReason: 'keyCompromise', notAfter: now + 1 }),
      certificate('3', 'a', { state: 'revoked', ...revoked, notAfter: now }),
      certificate('4', 'a'),
    );
    expect(await store.read.revokedForCrl(now)).toEqual([
      { serial: serialOf('serial 2'), revokedAt: now - 1, reason: 'keyCompromise' },
      { serial: serialOf('serial 1'), revokedAt: now - 1, reason: 'superseded' },
    ]);
  });

  it('counts certificates and renewals by state, and what lapsed, also after an undone change', async () => {
    await put(certificate('1', 'a'), certificate('2', 'a'), certificate('3', 'a', { state: 'issued' }));
    await put(certificate('2', 'a', { state: 'expired' }));
    await putRenewals(renewal('r1', 'a'), renewal('r2', 'a', { lapsedAt: now }), renewal('r3', 'a', { lapsedAt: now }));
    await putRenewals(renewal('r1', 'a', { state: 'offered' }), renewal('r3', 'a', { state: 'lapsed', lapsedAt: now }));
    await store
      .transact(async (tx) => {
        await tx.putCertificate(
          certificate('1', 'a', { state: 'revoked', revokedAt: now, revocationReason: 'superseded' }),
        );
        throw new Error('no');
      })
      .catch(() => undefined);
    const { certificates, renewals, lapsed } = await store.read.counts();
    expect(certificates).toEqual({ issued: 1, active: 1, superseded: 0, retired: 0, revoked: 0, expired: 1 });
    expect(renewals).toMatchObject({ due: 1, offered: 1, lapsed: 1, retired: 0 });
    expect(lapsed).toBe(2);
  });
}

function effects(): void {
  const prompt = (renewalId: string): Effect => ({ kind: 'prompt', renewalId });

  it('gives effects back in the order they were owed, as many as asked for', async () => {
    const all: Effect[] = [
      prompt('r2'),
      { kind: 'issue', renewalId: 'r1' },
      { kind: 'close-certificate', fingerprint: digest('x'), reason: 'revoked' },
      { kind: 'close-principal', principalId: idOf('a'), reason: 'decommissioned' },
      { kind: 'publish-crl' },
    ];
    await owe(...all);
    const due = await store.read.dueEffects(now, 10);
    expect(due.map(({ effect }) => effect)).toEqual(all);
    expect(due.map(({ attempts }) => attempts)).toEqual([0, 0, 0, 0, 0]);
    expect((await store.read.dueEffects(now, 2)).map(({ effect }) => effect)).toEqual(all.slice(0, 2));
  });

  it('owes one effect a key: the newer stays when the older is settled', async () => {
    await owe(prompt('r1'));
    const [older] = await store.read.dueEffects(now, 10);
    await owe(prompt('r2'), prompt('r1'));
    await store.transact((tx) => tx.settle(older?.id ?? -1));
    const due = await store.read.dueEffects(now, 10);
    expect(due.map(({ effect }) => effect)).toEqual([prompt('r2'), prompt('r1')]);
    await store.transact(async (tx) => {
      for (const { id } of due) await tx.settle(id);
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

  it('tells the listener after the commit of what owed something, and of nothing else', async () => {
    const told: number[] = [];
    let listened: Promise<void> = Promise.resolve();
    store.onOwed(() => {
      listened = store.read.dueEffects(now, 10).then((due) => void told.push(due.length));
    });
    await store.transact((tx) => tx.putPrincipal(principal('c')));
    const fails = store.transact(async (tx) => {
      await tx.owe(prompt('r0'));
      throw new Error('no');
    });
    await expect(fails).rejects.toThrow('no');
    expect(told).toEqual([]);
    await Promise.all([owe(prompt('r1')), owe(prompt('r2'))]);
    await listened;
    expect(told).toEqual([2]);
  });
}

/** Runs the suite on the stores that `open` makes. */
export function storeContract(name: string, open: () => Promise<OpenedStore>): void {
  describe(name, () => {
    beforeEach(async () => {
      opened = await open();
      store = opened.store;
      await store.transact(async (tx) => {
        for (const id of ['a', 'b']) await tx.putPrincipal(principal(id));
      });
    });
    afterEach(() => opened.discard());
    describe('what is put', roundTrips);
    describe('transactions', transactions);
    describe('conflicts', conflicts);
    describe('lists', lists);
    describe('sweeps', sweeps);
    describe('effects', effects);
  });
}
