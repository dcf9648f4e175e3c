// Part of the suite of every store: what must hold across principals, or in one row, whoever of several comes first. An engine that runs
// units side by side meets these in earnest; one that does not has to refuse the slower ones all the same.
import { expect, it } from 'vitest';
import { inForceMax } from '../../../src/domain/delegation.ts';
import type { RenewalState } from '../../../src/domain/renewal.ts';
import type { ApprovedRequest } from '../../../src/domain/request.ts';
import { campaignsUnderWayMax } from '../../../src/domain/rollout.ts';
import type { Transaction } from '../../../src/ports/store.ts';
import { campaign } from './campaigns.ts';
import { delegation, grant, ofSite } from './delegations.ts';
import { approvedRequest, certificate, digest, idOf, now, principal, renewal } from './rows.ts';
import { put, putRenewals, store } from './under-test.ts';

const racers = 12;
const ids = Array.from({ length: racers }, (_, i) => `racer-${i}`);

/** Runs a unit for each, side by side. @returns those that were committed, and the codes of what the others failed with. */
async function race(work: (tx: Transaction, id: string, i: number) => Promise<void>, by: readonly string[] = ids) {
  const outcomes = await Promise.allSettled(by.map((id, i) => store.transact((tx) => work(tx, id, i))));
  const failures = outcomes.filter((each) => each.status === 'rejected');
  return {
    committed: by.filter((_, i) => outcomes[i]?.status === 'fulfilled'),
    codes: [...new Set(failures.map(({ reason }) => reason.code))],
  };
}

const enter = (): Promise<void> =>
  store.transact(async (tx) => {
    for (const id of ids) await tx.putPrincipal(principal(id));
  });

const key = digest('a key that everybody asks for');
const requestOf = (id: string): ApprovedRequest => ({ ...approvedRequest(id, id), keyFingerprint: key });

export function keyRaces(): void {
  it("has a key that many ask for at once be one principal's, and refuses the others", async () => {
    await enter();
    await putRenewals(...ids.map((id) => renewal(`r-${id}`, id)));
    const { committed, codes } = await race((tx, id) => tx.putRequest(`r-${id}`, requestOf(id)));
    expect(committed).toHaveLength(1);
    expect(codes).toEqual(['conflict']);
    const [owner = ''] = committed;
    expect(await store.read.keyRecord(key)).toMatchObject({ holder: owner, isShared: false, since: null });
    for (const id of ids) expect((await store.read.request(`r-${id}`)) !== null).toBe(id === owner);
    // Asked again, it is still the same one's.
    await store.transact((tx) => tx.putRequest(`r-${owner}`, requestOf(owner)));
  });

  it('leaves a key that is certified to the one whose certificate it is', async () => {
    await enter();
    await put({ ...certificate('c-first', 'racer-3'), keyFingerprint: key });
    await putRenewals(...ids.map((id) => renewal(`r-${id}`, id)));
    expect((await race((tx, id) => tx.putRequest(`r-${id}`, requestOf(id)))).committed).toEqual(['racer-3']);
  });

  it('knows a key as shared that comes with the certificates of several, and gives it to none of them', async () => {
    await enter();
    await putRenewals(...ids.map((id) => renewal(`r-${id}`, id)));
    await race((tx, id, i) =>
      tx.putCertificate({ ...certificate(`c-${i}`, id), keyFingerprint: key, issuedAt: now + i }),
    );
    expect(await store.read.keyRecord(key)).toMatchObject({ holder: null, isShared: true, since: now });
    expect(await race((tx, id) => tx.putRequest(`r-${id}`, requestOf(id)))).toEqual({
      committed: [],
      codes: ['conflict'],
    });
  });

  it('lets go of a key whose request was undone', async () => {
    await putRenewals(renewal('r1', 'a'), renewal('r2', 'b'));
    const undone = store.transact(async (tx) => {
      await tx.putRequest('r1', requestOf('a'));
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    await store.transact((tx) => tx.putRequest('r2', requestOf('b')));
    expect(await store.read.keyRecord(key)).toMatchObject({ holder: 'b' });
  });
}

export function countRaces(): void {
  it('begins no more renewals under a delegation on one day than its limit', async () => {
    await grant(delegation('d1', { dailyLimit: 5 }), delegation('d2', { dailyLimit: 1 }));
    const { committed, codes } = await race((tx) => tx.useDelegation('d1', 7));
    expect(committed).toHaveLength(5);
    expect(codes).toEqual(['conflict']);
    expect(await store.read.delegationUse('d1', 7)).toBe(5);
    await store.transact((tx) => tx.useDelegation('d1', 8));
    expect((await race((tx) => tx.useDelegation('d2', 7))).committed).toHaveLength(1);
  });

  it('has no more campaigns under way than may be, begun or resumed', async () => {
    const many = Array.from({ length: campaignsUnderWayMax + 4 }, (_, i) => `k${i}`);
    const states = ['running', 'paused'] as const;
    const stopped = campaign('stopped', { state: 'stopped' });
    await store.transact((tx) => tx.putCampaign(stopped));
    const { committed, codes } = await race((tx, id, i) => {
      const begun = campaign(id, { state: states[i % 2] ?? 'running' });
      return tx.putCampaign(i === 0 ? { ...stopped, state: 'running' } : begun);
    }, many);
    expect(committed).toHaveLength(campaignsUnderWayMax);
    expect(codes).toEqual(['conflict']);
    expect(await store.read.unfinishedCampaigns()).toHaveLength(campaignsUnderWayMax);
    const [, one = '', other = ''] = committed;
    // Those that are under way go on, and one that ends makes room for one.
    await store.transact((tx) => tx.putCampaign(campaign(one, { walkedTo: 'z' })));
    await store.transact((tx) => tx.putCampaign(campaign(other, { state: 'done' })));
    expect((await race((tx, id) => tx.putCampaign(campaign(`late-${id}`)))).committed).toHaveLength(1);
  });

  it('has no more delegations in force than may be, for one device and for one site', async () => {
    await grant();
    await enter();
    const many = Array.from({ length: inForceMax + 8 }, (_, i) => `d${i}`);
    const two = [idOf('a'), idOf('racer-1')];
    const ofDevice = await race(
      (tx, id, i) => tx.putDelegation(delegation(id, { devices: i % 2 ? two : [idOf('a')] })),
      many,
    );
    expect(ofDevice.committed).toHaveLength(inForceMax);
    expect(ofDevice.codes).toEqual(['conflict']);
    const inForce = await store.read.delegationsFor(idOf('a'), null);
    expect(inForce.map(({ id }) => id).sort()).toEqual(ofDevice.committed.toSorted());
    // What a refused one would have given to others was not given.
    expect(await store.read.delegationsFor(idOf('racer-1'), null)).toHaveLength(inForceMax / 2);
    const ofOne = await race((tx, id) => tx.putDelegation(ofSite(`s-${id}`, 'north')), many);
    expect(ofOne.committed).toHaveLength(inForceMax);
    expect(ofOne.codes).toEqual(['conflict']);
    await store.transact((tx) => tx.putDelegation(ofSite('elsewhere', 'south')));
    const [id = ''] = ofDevice.committed;
    await store.transact((tx) => tx.putDelegation(delegation(id, { revokedAt: now })));
    const again = await race((tx, each) => tx.putDelegation(delegation(`late-${each}`)));
    expect(again.committed).toHaveLength(1);
  });

  it('counts no delegation that was revoked or has ended by the time another is made', async () => {
    await grant();
    await store.transact(async (tx) => {
      for (let i = 0; i < inForceMax; i += 1) {
        await tx.putDelegation(delegation(`over-${i}`, { endsAt: now }));
        await tx.putDelegation(delegation(`revoked-${i}`, { revokedAt: now }));
        await tx.putDelegation(ofSite(`site-over-${i}`, 'north', { endsAt: now }));
        await tx.putDelegation(ofSite(`site-revoked-${i}`, 'north', { revokedAt: now }));
      }
      await tx.putDelegation(delegation('d1'));
      await tx.putDelegation(ofSite('s1', 'north'));
    });
    expect(await store.read.delegation('d1')).not.toBeNull();
    expect(await store.read.delegation('s1')).not.toBeNull();
  });

  it('has one of several ids in the inventory that differ by case alone, and lets that one change', async () => {
    const alike = ['pump-a', 'Pump-a', 'pUmp-a', 'PUMP-A'];
    const { committed, codes } = await race((tx, id) => tx.putPrincipal(principal(id)), alike);
    expect(committed).toHaveLength(1);
    expect(codes).toEqual(['conflict']);
    const [id = ''] = committed;
    await store.transact((tx) => tx.putPrincipal(principal(id, { owner: 'carla' })));
    expect(await store.read.principal(idOf(id))).toMatchObject({ owner: 'carla' });
    expect((await store.read.caseTwins(null, 100)).pairs).toEqual([]);
  });

  it('has a revocation list of one number be entered once, and none after a later one', async () => {
    const list = (number: number) => ({ shard: 0, number, thisUpdate: now, nextUpdate: now + 9, scheduledAt: now });
    const kept = { entries: 0, bytes: 1, listedRevoked: 0, listedUrgent: 0 };
    const { committed, codes } = await race((tx) => tx.putSignedList({ ...list(3), ...kept }));
    expect(committed).toHaveLength(1);
    expect(codes).toEqual(['conflict']);
    const earlier = store.transact((tx) => tx.putSignedList({ ...list(2), ...kept }));
    await expect(earlier).rejects.toMatchObject({ code: 'conflict' });
    expect(await store.read.revocationList(0)).toMatchObject({ number: 3 });
  });

  it('counts what a campaign has come to for every device, whoever moves at the same time', async () => {
    await enter();
    await store.transact((tx) => tx.putCampaign(campaign('k1')));
    const of = (id: string, state: RenewalState) => renewal(`r-${id}`, id, { campaign: 'k1', cohort: 'canary', state });
    await race((tx, id) => tx.putRenewal(of(id, 'due')));
    expect(await store.read.campaignProgress('k1')).toEqual({ canary: { due: racers } });
    await race(async (tx, id, i) => {
      await tx.putRenewal(of(id, 'offered'));
      if (i % 3 === 0) throw new Error('undone');
    });
    const undone = racers / 3;
    expect(await store.read.campaignProgress('k1')).toEqual({ canary: { due: undone, offered: racers - undone } });
  });

  it('loses no request of a renewal that is counted, so that its limit holds', async () => {
    const requestsMax = 4;
    await putRenewals(renewal('r1', 'a', { requests: 0 }));
    await race(async (tx) => {
      const known = await tx.renewal('r1');
      if (!known || known.requests >= requestsMax) throw new Error('no more');
      await tx.putRenewal({ ...known, requests: known.requests + 1 });
    });
    expect((await store.read.renewal('r1'))?.requests).toBe(requestsMax);
  });
}
