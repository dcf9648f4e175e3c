// Part of the suite of every store: who may act for whom and how often they did, and what is under way between a device and its
// renewal.
import { expect, it } from 'vitest';
import type { Delegation } from '../../../src/domain/delegation.ts';
import type { Transaction } from '../../../src/ports/store.ts';
import { day, idOf, now, principal, renewal } from './rows.ts';
import { putRenewals, reopen, store } from './under-test.ts';

export function delegation(id: string, facts: Partial<Delegation> = {}): Delegation {
  return {
    id,
    gatewayId: idOf('gw'),
    devices: [idOf('a')],
    site: null,
    modes: ['csr', 'keygen'],
    endsAt: now + day,
    dailyLimit: 5,
    createdAt: now,
    revokedAt: null,
    ...facts,
  };
}

export const ofSite = (id: string, site: string, facts: Partial<Delegation> = {}): Delegation =>
  delegation(id, { devices: [], site, ...facts });

/** Puts them, and the gateways `gw` and `gw-2` before them. */
export const grant = (...all: Delegation[]): Promise<void> =>
  store.transact(async (tx) => {
    for (const id of ['gw', 'gw-2']) await tx.putPrincipal(principal(id, { kind: 'gateway' }));
    for (const each of all) await tx.putDelegation(each);
  });

const idsFor = async (device: string, site: string | null): Promise<string[]> =>
  (await store.read.delegationsFor(idOf(device), site)).map(({ id }) => id);

export function delegations(): void {
  it('knows none at first', async () => {
    expect(await store.read.delegation('x')).toBeNull();
    expect(await store.read.delegations(10)).toEqual([]);
    expect(await store.read.delegationsOf(idOf('a'), 10)).toEqual([]);
    expect(await store.read.delegationsFor(idOf('a'), 'north')).toEqual([]);
    expect(await store.read.delegationUse('x', 1)).toBe(0);
    expect(store.glance.delegationsFor(idOf('a'), null)).toEqual([]);
    expect(store.glance.principal(idOf('nobody'))).toBeNull();
  });

  it('gives them back as they were put, their devices in order of id, the last put winning', async () => {
    const named = delegation('d2', { devices: [idOf('b'), idOf('a')] });
    const site = ofSite('d1', 'north', { modes: ['recertify'], revokedAt: now + 1 });
    await grant(delegation('d1'), site, named);
    await reopen();
    const sorted = { ...named, devices: [idOf('a'), idOf('b')] };
    expect(await store.read.delegation('d1')).toEqual(site);
    expect(await store.read.delegation('d2')).toEqual(sorted);
    expect(await store.read.delegations(10)).toEqual([site, sorted]);
    expect(await store.read.delegations(1)).toEqual([site]);
    expect(await store.read.delegations(1, site.id)).toEqual([sorted]);
    await grant({ ...named, devices: [idOf('b')], gatewayId: idOf('gw-2') });
    expect(await store.read.delegation('d2')).toEqual({ ...named, devices: [idOf('b')], gatewayId: idOf('gw-2') });
    expect(await store.read.delegationsOf(idOf('gw'), 10)).toEqual([site]);
    expect(await idsFor('a', null)).toEqual([]);
  });

  it('finds those of a device and of its site, the longest first, without the revoked', async () => {
    await grant(
      delegation('d1', { endsAt: now + day }),
      delegation('d2', { endsAt: now - day }),
      delegation('d3', { revokedAt: now }),
      ofSite('d4', 'north', { endsAt: now + 2 * day, gatewayId: idOf('gw-2') }),
      ofSite('d5', 'south'),
      ofSite('d6', 'north', { revokedAt: now }),
      delegation('d7', { devices: [idOf('b')] }),
    );
    expect(await idsFor('a', 'north')).toEqual(['d4', 'd1', 'd2']);
    expect(await idsFor('a', null)).toEqual(['d1', 'd2']);
    expect(await idsFor('b', 'south')).toEqual(['d5', 'd7']);
    expect(await idsFor('nobody', 'north')).toEqual(['d4']);
  });

  it('tells of many devices only the one asked for, in a transaction, beside it and at once alike', async () => {
    await grant(delegation('d1', { devices: [idOf('a'), idOf('b')] }), ofSite('d2', 'north'));
    const expected = [delegation('d1', { devices: [idOf('b')] }), ofSite('d2', 'north')];
    expect(await store.read.delegationsFor(idOf('b'), 'north')).toEqual(expected);
    expect(await store.transact((tx) => tx.delegationsFor(idOf('b'), 'north'))).toEqual(expected);
    expect(store.glance.delegationsFor(idOf('b'), 'north')).toEqual(expected);
    expect(store.glance.principal(idOf('b'))).toEqual(principal('b'));
  });

  it('leaves out the shortest of very many', async () => {
    // Each was made when the one before it ended.
    const many = Array.from({ length: 70 }, (_, i) =>
      ofSite(`d${i}`, 'north', { createdAt: now + i - 1, endsAt: now + i }),
    );
    await grant(...many);
    const found = await idsFor('a', 'north');
    expect(found).toHaveLength(64);
    expect(found[0]).toBe('d69');
    expect(found).not.toContain('d5');
  });

  it('shows what was revoked the moment that is committed, and what was undone never', async () => {
    await grant(delegation('d1'));
    await store.transact((tx) => tx.putDelegation(delegation('d1', { revokedAt: now })));
    expect(store.glance.delegationsFor(idOf('a'), null)).toEqual([]);
    const undone = store.transact(async (tx) => {
      await tx.putDelegation(delegation('d1'));
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(store.glance.delegationsFor(idOf('a'), null)).toEqual([]);
  });

  it('answers at a glance as the last commit has it, however often it was asked before', async () => {
    const seen = (site: string | null) => ({
      principal: store.glance.principal(idOf('a')),
      delegations: store.glance.delegationsFor(idOf('a'), site).map(({ id }) => id),
    });
    const write = (work: (tx: Transaction) => Promise<void>): Promise<void> => store.transact(work);
    expect([seen(null), seen(null)]).toEqual(Array(2).fill({ principal: principal('a'), delegations: [] }));
    await grant(delegation('d1'));
    expect([seen(null), seen('north')].map(({ delegations }) => delegations)).toEqual([['d1'], ['d1']]);
    const moved = principal('a', { site: 'north', status: 'quarantined' });
    await write((tx) => tx.putPrincipal(moved));
    await grant(ofSite('d2', 'north'));
    expect(seen('north')).toEqual({ principal: moved, delegations: ['d1', 'd2'] });
    // Asked in a unit that writes and comes to nothing, and in one that is committed.
    const undone = write(async (tx) => {
      await tx.putPrincipal(principal('a', { status: 'decommissioned' }));
      await tx.putDelegation(delegation('d1', { revokedAt: now }));
      seen('north');
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(seen('north')).toEqual({ principal: moved, delegations: ['d1', 'd2'] });
    await write(async (tx) => {
      seen('north');
      await tx.putPrincipal(principal('a'));
      await tx.putDelegation(delegation('d1', { revokedAt: now }));
      seen('north');
    });
    expect(seen('north')).toEqual({ principal: principal('a'), delegations: ['d2'] });
  });

  it('counts what was begun, by delegation and day, with the transaction', async () => {
    await grant(delegation('d1'), delegation('d2'));
    await store.transact(async (tx) => {
      await tx.useDelegation('d1', 7);
      await tx.useDelegation('d1', 7);
      await tx.useDelegation('d1', 8);
      expect(await tx.delegationUse('d1', 7)).toBe(2);
    });
    const undone = store.transact(async (tx) => {
      await tx.useDelegation('d1', 7);
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    await reopen();
    const counts = [store.read.delegationUse('d1', 7), store.read.delegationUse('d1', 8)];
    expect(await Promise.all(counts)).toEqual([2, 1]);
    expect(await store.read.delegationUse('d2', 7)).toBe(0);
  });

  it('refuses what names nobody', async () => {
    const constraint = { code: 'store_constraint' };
    await expect(grant(delegation('d1', { gatewayId: idOf('nobody') }))).rejects.toMatchObject(constraint);
    await expect(grant(delegation('d1', { devices: [idOf('nobody')] }))).rejects.toMatchObject(constraint);
    await expect(store.transact((tx) => tx.useDelegation('none', 1))).rejects.toMatchObject(constraint);
    await expect(putRenewals(renewal('r1', 'a', { via: idOf('nobody') }))).rejects.toMatchObject(constraint);
  });

  it('remembers through which gateway a renewal is made', async () => {
    await grant();
    await putRenewals(renewal('r1', 'a', { via: idOf('gw') }));
    expect(await store.read.renewal('r1')).toMatchObject({ via: 'gw' });
    await putRenewals(renewal('r1', 'a'));
    expect(await store.read.renewal('r1')).toMatchObject({ via: null });
  });
}

export function deliveries(): void {
  const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

  it('keeps the beginning of a request, the last put winning, until it is dropped', async () => {
    await putRenewals(renewal('r1', 'a'), renewal('r2', 'a'));
    expect(await store.read.upload('r1')).toBeNull();
    await store.transact(async (tx) => {
      await tx.putUpload('r1', 300, bytes(1, 0, 255));
      await tx.putUpload('r2', 9, bytes());
      await tx.putUpload('r1', 301, bytes(1, 0, 255, 7));
    });
    await reopen();
    expect(await store.read.upload('r1')).toEqual({ total: 301, bytes: bytes(1, 0, 255, 7) });
    expect(await store.read.upload('r2')).toEqual({ total: 9, bytes: bytes() });
    await store.transact((tx) => tx.dropUpload('r1'));
    await store.transact((tx) => tx.dropUpload('r1'));
    expect(await store.read.upload('r1')).toBeNull();
    expect(await store.read.upload('r2')).not.toBeNull();
  });

  it('keeps the key made for a device as long as it is wanted, and no longer', async () => {
    await putRenewals(renewal('r1', 'a'));
    expect(await store.read.envelope('r1')).toBeNull();
    await store.transact(async (tx) => {
      await tx.putEnvelope('r1', bytes(0x30, 1));
      await tx.putEnvelope('r1', bytes(0x30, 2));
    });
    await reopen();
    expect(await store.read.envelope('r1')).toEqual(bytes(0x30, 2));
    await store.transact((tx) => tx.dropEnvelope('r1'));
    await store.transact((tx) => tx.dropEnvelope('r1'));
    expect(await store.read.envelope('r1')).toBeNull();
  });

  it('belongs to a renewal', async () => {
    const constraint = { code: 'store_constraint' };
    await expect(store.transact((tx) => tx.putUpload('none', 1, bytes(1)))).rejects.toMatchObject(constraint);
    await expect(store.transact((tx) => tx.putEnvelope('none', bytes(1)))).rejects.toMatchObject(constraint);
  });

  it('keeps what gateways say of devices apart, until no delegation in force names the device', async () => {
    await store.transact(async (tx) => {
      for (const id of ['a', 'b', 'c']) await tx.putPrincipal(principal(id, { site: id === 'c' ? 'north' : null }));
    });
    await grant(
      delegation('d1', { devices: [idOf('a'), idOf('b')] }),
      delegation('d2', { devices: [idOf('b')] }),
      ofSite('d3', 'north'),
      delegation('d4', { gatewayId: idOf('gw-2') }),
    );
    const said = { encoding: 'cbor', packetBytesMax: 128, slots: 1, clockSkewMs: -4, lastSeenAt: now } as const;
    const of = (id: string, gateway: string) => ({ ...said, principalId: idOf(id), gatewayId: idOf(gateway) });
    await store.transact(async (tx) => {
      for (const id of ['a', 'b', 'c']) await tx.putCarriedContact({ ...of(id, 'gw'), encoding: null });
      await tx.putCarriedContact(of('a', 'gw-2'));
      for (const id of ['a', 'b', 'c']) await tx.putCarriedContact(of(id, 'gw'));
    });
    await reopen();
    expect(await store.read.carriedContacts(idOf('a'))).toEqual([of('a', 'gw'), of('a', 'gw-2')]);
    expect(await store.read.contact(idOf('a'))).toBeNull();
    const drop = (but: string, at = now) => store.transact((tx) => tx.dropCarriedContacts(idOf('gw'), but, at));
    const left = async () => {
      const all = await Promise.all(['a', 'b', 'c'].map((id) => store.read.carriedContacts(idOf(id))));
      return all.flat().map(({ principalId, gatewayId }) => `${principalId} ${gatewayId}`);
    };
    await drop('none');
    expect(await left()).toEqual(['a gw', 'a gw-2', 'b gw', 'c gw']);
    await drop('d1');
    expect(await left()).toEqual(['a gw-2', 'b gw', 'c gw']);
    await drop('d3');
    expect(await left()).toEqual(['a gw-2', 'b gw']);
    await drop('none', now + day);
    expect(await left()).toEqual(['a gw-2']);
  });

  it('keeps the parts of a request apart by the way they came', async () => {
    await grant();
    await store.transact((tx) => tx.putPrincipal(principal('a')));
    await putRenewals(renewal('r', 'a'));
    const bytes = (...all: number[]) => new Uint8Array(all);
    const carried = { gatewayId: idOf('gw'), total: 3, bytes: bytes(1) };
    const all = async () => [await store.read.upload('r'), await store.read.carriedUploads('r')];
    await store.transact(async (tx) => {
      await tx.putUpload('r', 3, bytes(7, 8));
      await tx.putCarriedUpload('r', { ...carried, gatewayId: idOf('gw-2') });
      await tx.putCarriedUpload('r', carried);
      await tx.putCarriedUpload('r', { ...carried, bytes: bytes(1, 2) });
    });
    await reopen();
    const two = { ...carried, bytes: bytes(1, 2) };
    expect(await all()).toEqual([{ total: 3, bytes: bytes(7, 8) }, [two, { ...carried, gatewayId: idOf('gw-2') }]]);
    await store.transact((tx) => tx.dropCarriedUpload('r', idOf('gw-2')));
    expect(await all()).toEqual([{ total: 3, bytes: bytes(7, 8) }, [two]]);
    await store.transact((tx) => tx.dropUploads('r'));
    expect(await all()).toEqual([null, []]);
  });
}
