// Part of the suite of every store: who may carry whose telemetry, and until when.
import { expect, it } from 'vitest';
import type { Principal } from '../../../src/domain/principal.ts';
import { delegation, grant, ofSite } from './delegations.ts';
import { day, idOf, now, principal } from './rows.ts';
import { reopen, store } from './under-test.ts';

export function telemetry(): void {
  it('keeps whether they grant telemetry, and that of each device of a site', async () => {
    const granting = delegation('d1', { telemetry: true });
    await grant(granting, ofSite('d2', 'north', { telemetry: true }), delegation('d3'));
    await reopen();
    expect(await store.read.delegation('d1')).toEqual(granting);
    expect(await store.read.delegation('d3')).not.toHaveProperty('telemetry');
    expect((await store.read.delegationsFor(idOf('a'), 'north')).map((each) => each.telemetry)).toEqual([
      true,
      true,
      undefined,
    ]);
    await grant(delegation('d1'));
    await reopen();
    expect(await store.read.delegation('d1')).toEqual(delegation('d1'));
  });

  it('says until when telemetry may be carried, anew after each commit that changes it', async () => {
    const until = (device = 'a', gateway = 'gw'): number | null =>
      store.glance.telemetryUntil(idOf(gateway), idOf(device));
    const put = (...all: Principal[]) =>
      store.transact(async (tx) => {
        for (const each of all) await tx.putPrincipal(each);
      });
    expect(until()).toBeNull();
    await put(principal('a', { site: 'north' }), principal('b', { site: null }));
    await grant(delegation('d1'));
    expect([until(), until('b'), until('gw'), until('nobody'), until('a', 'nobody')]).toEqual(Array(5).fill(null));
    await grant(delegation('d1', { telemetry: true }));
    expect([until(), until('b'), until('a', 'gw-2')]).toEqual([now + day, null, null]);
    await grant(ofSite('d2', 'north', { telemetry: true, endsAt: now + 2 * day }));
    expect([until(), until('b')]).toEqual([now + 2 * day, null]);
    await put(principal('a', { site: 'south' }));
    expect(until()).toBe(now + day);
    await put(principal('gw', { kind: 'gateway', status: 'quarantined' }));
    expect(until()).toBeNull();
    await put(principal('gw', { kind: 'gateway' }));
    expect(until()).toBe(now + day);
    await put(principal('a', { status: 'decommissioned' }));
    expect(until()).toBeNull();
    await put(principal('a', { site: null }));
    await grant(delegation('d1', { telemetry: true, revokedAt: now }));
    expect(until()).toBeNull();
  });

  it('remembers nothing of telemetry that was asked in a transaction that came to nothing', async () => {
    await grant(delegation('d1', { telemetry: true }));
    await store.transact((tx) => tx.putPrincipal(principal('a')));
    const until = () => store.glance.telemetryUntil(idOf('gw'), idOf('a'));
    expect(until()).toBe(now + day);
    for (const facts of [{ revokedAt: now }, { telemetry: true, endsAt: now + 9 * day }] as const) {
      const undone = store.transact(async (tx) => {
        await tx.putDelegation(delegation('d1', facts));
        until();
        throw new Error('undone');
      });
      await expect(undone).rejects.toThrow('undone');
      expect(until()).toBe(now + day);
    }
    await store.transact(async (tx) => {
      until();
      await tx.putDelegation(delegation('d1', { telemetry: true, revokedAt: now }));
      until();
    });
    expect(until()).toBeNull();
  });
}
