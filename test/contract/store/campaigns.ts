// Part of the suite of every store: campaigns, and how many of their renewals got how far.
import { expect, it } from 'vitest';
import type { StoredCampaign } from '../../../src/ports/campaigns.ts';
import { now, principal, renewal } from './rows.ts';
import { store } from './under-test.ts';

export function campaign(id: string, facts: Partial<StoredCampaign> = {}): StoredCampaign {
  return {
    id,
    reason: 'a new issuer',
    drill: false,
    state: 'running',
    cohort: 'canary',
    issuedBefore: now,
    class: null,
    site: 'north',
    otherIssuer: true,
    reasonCode: 'keyCompromise',
    startedAt: now,
    cohortAt: now,
    reachedAt: null,
    forgiven: 2,
    detail: null,
    heldUntil: now + 1,
    walkedTo: 'a',
    walked: false,
    leftOut: 1,
    task: null,
    taskAt: '',
    ...facts,
  };
}

export function campaigns(): void {
  it('keeps a campaign as it was put, and finds those that have something to do', async () => {
    const all = [
      campaign('c1'),
      campaign('c2', { state: 'paused', startedAt: now + 1 }),
      campaign('c3', { state: 'aborted', task: 'call_off', taskAt: 'r1', startedAt: now + 2 }),
      campaign('c4', { state: 'done', drill: true, startedAt: now + 3 }),
      campaign('c5', { state: 'stopped', detail: 'too many', startedAt: now + 4 }),
      campaign('c6', { task: 'release', startedAt: now + 5 }),
    ];
    await store.transact(async (tx) => {
      for (const each of all) await tx.putCampaign(each);
    });
    for (const each of all) expect(await store.read.campaign(each.id)).toEqual(each);
    expect(await store.read.campaigns(2)).toEqual([all[5], all[4]]);
    const unfinished = await store.read.unfinishedCampaigns();
    expect(unfinished.map(({ id }) => id).sort()).toEqual(['c1', 'c2', 'c3', 'c6']);
  });

  it('counts renewals of a campaign by cohort and state as they go, what has failed until it is activated', async () => {
    const of = (id: string, facts = {}) => renewal(id, 'p', { campaign: 'c1', cohort: 'canary', ...facts });
    const progress = () => store.read.campaignProgress('c1');
    await store.transact(async (tx) => {
      await tx.putPrincipal(principal('p'));
      await tx.putCampaign(campaign('c1'));
      await tx.putRenewal(of('r1', { state: 'due' }));
      await tx.putRenewal(of('r2', { state: 'due' }));
      await tx.putRenewal(of('r3', { state: 'due', cohort: 'early' }));
      await tx.putRenewal(renewal('r4', 'p', { state: 'due' }));
    });
    expect(await progress()).toEqual({ canary: { due: 2 }, early: { due: 1 } });
    await store.transact(async (tx) => {
      await tx.putRenewal(of('r1', { state: 'failed', lastCode: 'no_space' }));
      await tx.putRenewal(of('r2', { state: 'issued' }));
      // One that was under way becomes the campaign's.
      await tx.putRenewal(of('r4', { state: 'offered' }));
    });
    expect(await progress()).toEqual({ canary: { failed: 1, issued: 1, offered: 1 }, early: { due: 1 } });
    await store.transact((tx) => tx.putRenewal(of('r1', { state: 'offered', lastCode: 'no_space' })));
    expect(await progress()).toMatchObject({ canary: { failed: 1, offered: 1 } });
    const open = async (after: string) => (await store.read.campaignRenewals('c1', after, 2)).map(({ id }) => id);
    expect(await open('')).toEqual(['r1', 'r2']);
    expect(await open('r2')).toEqual(['r3', 'r4']);
    await store.transact(async (tx) => {
      await tx.putRenewal(of('r1', { state: 'activated', lastCode: 'no_space' }));
      await tx.putRenewal(of('r2', { state: 'cancelled' }));
      await tx.putRenewal(of('r3', { state: 'retired', cohort: 'early' }));
    });
    expect(await progress()).toEqual({ canary: { activated: 1, cancelled: 1, offered: 1 }, early: { retired: 1 } });
    expect(await open('')).toEqual(['r1', 'r4']);
  });
}
