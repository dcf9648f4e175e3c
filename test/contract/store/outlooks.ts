// Part of the suite of every store: what a forecast reads.

import { expect, it } from 'vitest';
import type { Outlook, OutlookPlace } from '../../../src/ports/outlooks.ts';
import { certificate, day, idOf, now, principal, renewal } from './rows.ts';
import { put, putRenewals, store } from './under-test.ts';

/** Pages put together, as a forecast walks them. */
async function walk(until: number, limit: number): Promise<Outlook[]> {
  const all: Outlook[] = [];
  let after: OutlookPlace | null = null;
  for (;;) {
    const page = await store.read.outlooks(until, after, limit);
    all.push(...page);
    after = page.at(-1)?.place ?? null;
    if (page.length < limit) return all;
  }
}

export function outlooks(): void {
  it('gives presences back as they were put, the last put winning', async () => {
    const presence = { principalId: idOf('a'), gaps: new Uint8Array([9, 0, 255]), cameAt: now - day, leftAt: null };
    expect(await store.read.presence(idOf('a'))).toBeNull();
    await store.transact((tx) => tx.putPresence({ ...presence, gaps: new Uint8Array(), leftAt: now }));
    expect(await store.read.presence(idOf('a'))).toEqual({ ...presence, gaps: new Uint8Array(), leftAt: now });
    await store.transact((tx) => tx.putPresence(presence));
    expect(await store.read.presence(idOf('a'))).toEqual(presence);
  });

  it('shows certificates in use in the order of their ends, each with its device, its visits and its open renewal', async () => {
    const [sooner, later] = [certificate('sooner', 'a', { notAfter: now + day }), certificate('later', 'b')];
    await put(later, sooner, certificate('beyond', 'b', { notAfter: now + 91 * day }));
    await putRenewals(
      renewal('r0', 'a', { state: 'cancelled', oldFingerprint: sooner.fingerprint }),
      renewal('r1', 'a', { state: 'failed', oldFingerprint: sooner.fingerprint, lastCode: 'flash_full' }),
    );
    const visits = { gaps: new Uint8Array([1, 2, 0, 255]), cameAt: now - day, leftAt: now };
    await store.transact(async (tx) => {
      await tx.putPrincipal(principal('gw-1', { kind: 'gateway', gateway: null, status: 'decommissioned' }));
      await tx.putPrincipal(principal('b', { modes: [], site: null, gateway: idOf('unheard-of') }));
      await tx.putPresence({ principalId: idOf('a'), ...visits });
    });
    const [first, second, ...none] = await walk(now + 90 * day, 10);
    const { der: _, ...known } = sooner;
    expect(first).toEqual({
      certificate: known,
      principal: principal('a'),
      standsBehind: { status: 'decommissioned', litUntil: null },
      via: null,
      signed: false,
      visits,
      renewal: { id: 'r1', state: 'failed', lastCode: 'flash_full' },
      place: { endsAt: sooner.notAfter, row: expect.any(Number) },
    });
    expect(second).toMatchObject({ standsBehind: null, visits: null, renewal: null });
    expect(second?.principal).toEqual(principal('b', { modes: [], site: null, gateway: idOf('unheard-of') }));
    expect(none).toEqual([]);
  });

  it('says through whom the renewal went that brought a certificate, and whether its request was signed', async () => {
    const brought = (serial: string, id: string, renewalId: string) =>
      certificate(serial, id, { renewalId, notAfter: now + day });
    const via = idOf('gw-1');
    await store.transact((tx) => tx.putPrincipal(principal('gw-1', { kind: 'gateway', gateway: null })));
    const ended = { state: 'retired', via, oldFingerprint: null } as const;
    await putRenewals(renewal('r1', 'a', ended), renewal('r2', 'b', ended));
    await put(brought('one', 'a', 'r1'), brought('two', 'b', 'r2'));
    await store.transact((tx) => tx.noteSigned('r1'));
    // A renewal that goes on keeps it.
    await putRenewals(renewal('r1', 'a', { ...ended, attempts: 7 }));
    const said = (await walk(now + 2 * day, 10)).map((each) => [each.principal.id, each.via, each.signed]);
    expect(said).toEqual([
      ['a', via, true],
      ['b', via, false],
    ]);
  });

  it('says through whom a certificate was first used that no renewal brought, also after it has advanced', async () => {
    const entry = certificate('one', 'a', { notAfter: now + day });
    await put(entry, certificate('two', 'b', { notAfter: now + day }));
    await store.transact((tx) => tx.noteActivatedThrough(entry.fingerprint, idOf('gw-1')));
    await put({ ...entry, lastSeenAt: now });
    const said = (await walk(now + 2 * day, 10)).map((each) => [each.principal.id, each.via]);
    expect(said).toEqual([
      ['a', idOf('gw-1')],
      ['b', null],
    ]);
  });

  it('says whose renewal was refused the same again and again, until it has moved on', async () => {
    const entry = certificate('one', 'a', { notAfter: now + day });
    await put(entry);
    await putRenewals(renewal('r1', 'a', { state: 'offered', oldFingerprint: entry.fingerprint }));
    const refusal = {
      renewalId: 'r1',
      via: null,
      code: 'key_refused',
      detail: 'rsa',
      firstAt: now,
      lastAt: now,
    } as const;
    const isRefused = async () => (await walk(now + 90 * day, 10))[0]?.renewal?.isRefused ?? false;
    await store.transact((tx) => tx.putRefusal({ ...refusal, times: 2, overAt: null }));
    expect(await isRefused()).toBe(false);
    await store.transact((tx) => tx.putRefusal({ ...refusal, times: 3, overAt: null }));
    await store.transact((tx) => tx.putRefusal({ ...refusal, via: idOf('gw-1'), times: 1, overAt: null }));
    expect(await isRefused()).toBe(true);
    expect((await store.read.refusalsOf('r1')).map(({ via, times }) => [via, times])).toEqual([
      [null, 3],
      ['gw-1', 1],
    ]);
    await store.transact((tx) => tx.settleRefusals('r1', now + 5));
    expect(await isRefused()).toBe(false);
    expect((await store.read.refusalsOf('r1')).map(({ overAt }) => overAt)).toEqual([now + 5, now + 5]);
  });

  it('shows those of one principal alone, as all of them are shown', async () => {
    await put(certificate('one', 'a'), certificate('two', 'b'), certificate('three', 'a', { state: 'retired' }));
    const all = await walk(now + 3_650 * day, 10);
    expect(await store.read.outlooksOf(idOf('a'))).toEqual(all.filter(({ principal: { id } }) => id === 'a'));
    expect(await store.read.outlooksOf(idOf('nobody'))).toEqual([]);
  });

  it('shows none that is not in use, and no renewal that is not open', async () => {
    const used = certificate('used', 'a');
    await put(
      used,
      certificate('issued', 'a', { state: 'issued' }),
      certificate('superseded', 'a', { state: 'superseded', overlapUntil: now + day }),
      certificate('expired', 'a', { state: 'expired' }),
      certificate('revoked', 'a', { state: 'revoked', revokedAt: now, revocationReason: 'keyCompromise' }),
    );
    await putRenewals(renewal('r1', 'a', { state: 'activated', oldFingerprint: used.fingerprint }));
    const found = await walk(now + 90 * day, 10);
    expect(found.map(({ certificate: { serial } }) => serial)).toEqual([used.serial]);
    expect(found[0]?.renewal).toBeNull();
  });

  it('shows each once in pages of every size, also where many end in one second', async () => {
    const all = Array.from({ length: 23 }, (_, i) =>
      certificate(`${i}`, 'a', { notAfter: now + (i % 4 === 0 ? i : 7) * day }),
    );
    await put(...all);
    for (const limit of [1, 2, 5, 22, 23, 24]) {
      const ends = (await walk(now + 16 * day, limit)).map(({ certificate: each }) => each);
      const expected = all.filter(({ notAfter }) => notAfter <= now + 16 * day);
      expect(new Set(ends.map(({ serial }) => serial))).toEqual(new Set(expected.map(({ serial }) => serial)));
      expect(ends).toHaveLength(expected.length);
      expect(ends.map(({ notAfter }) => notAfter)).toEqual(
        expected.map(({ notAfter }) => notAfter).sort((a, b) => a - b),
      );
    }
    expect(await walk(now - 1, 5)).toEqual([]);
  });
}
