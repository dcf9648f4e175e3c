// Part of the suite of every store: what opens the HTTP API, and what waits for a second operator.
import { expect, it } from 'vitest';
import type { ApiCredential } from '../../../src/domain/api-credential.ts';
import type { Approval } from '../../../src/ports/approvals.ts';
import { day, digest, now } from './rows.ts';
import { reopen, store } from './under-test.ts';

const token = (id: string, facts: Partial<ApiCredential> = {}): ApiCredential => ({
  id,
  kind: 'token',
  name: 'ci',
  person: 'token ci',
  digest: digest(`token ${id}`),
  permission: 'operate',
  owners: null,
  sites: ['north', "o'site"],
  parent: null,
  createdAt: now,
  createdBy: 'ana',
  endsAt: now + day,
  revokedAt: null,
  lastUsedAt: null,
  ...facts,
});
const put = (credential: ApiCredential): Promise<void> => store.transact((tx) => tx.putApiCredential(credential));

export function apiCredentials(): void {
  it('gives back what was put, by id, by digest and by page', async () => {
    const all = [token('a'), token('b', { owners: ['carla'], sites: null, parent: 'a' }), token('c', { name: 'x' })];
    const carla = token('d', { kind: 'certificate', name: 'carla', permission: 'admin' });
    for (const each of [...all, carla]) await put(each);
    await reopen();
    const { read } = store;
    expect(await read.apiCredential('b')).toEqual(all[1]);
    expect(await read.apiCredentialBy(digest('token c'))).toEqual(all[2]);
    expect(await read.apiCredentials('token', { limit: 2 })).toEqual(all.slice(0, 2));
    expect(await read.apiCredentials('token', { after: 'b', limit: 2 })).toEqual(all.slice(2));
    expect(await read.apiCredentialsNamed('certificate', 'carla', now)).toEqual([carla]);
    expect(await read.apiCredentialsNamed('certificate', 'carla', now + day)).toEqual([]);
    expect(await read.apiCredential('z')).toBeNull();
  });

  it('changes when one was revoked and used, and never what it may do', async () => {
    await put(token('a'));
    await put(token('a', { permission: 'admin', sites: null, endsAt: now + 9 * day, revokedAt: now, lastUsedAt: now }));
    expect(await store.read.apiCredential('a')).toEqual(token('a', { revokedAt: now, lastUsedAt: now }));
  });

  it('takes no digest twice', async () => {
    await put(token('a'));
    await expect(put(token('b', { digest: digest('token a') }))).rejects.toMatchObject({ code: 'conflict' });
  });

  it('forgets those that ended or were revoked before', async () => {
    await put(token('a', { endsAt: now - 1 }));
    await put(token('b'));
    await put(token('b', { revokedAt: now - 1 }));
    await put(token('c'));
    await store.transact((tx) => tx.forgetApiCredentials(now));
    expect((await store.read.apiCredentials('token', { limit: 9 })).map(({ id }) => id)).toEqual(['c']);
  });
}

const approval = (id: string, facts: Partial<Approval> = {}): Approval => ({
  id,
  operation: 'decommissionDevice',
  input: '{"id":"pump-1"}',
  summary: 'decommission pump-1',
  credential: 'a',
  person: 'ana',
  askedBy: 'ana',
  reason: null,
  askedAt: now,
  endsAt: now + day,
  ...facts,
});

export function approvals(): void {
  it('keeps what waits until it is dropped, once', async () => {
    for (const id of ['b', 'a']) await store.transact((tx) => tx.putApproval(approval(id)));
    await reopen();
    expect(await store.read.approvals()).toEqual([approval('a'), approval('b')]);
    expect(await store.read.approval('b')).toEqual(approval('b'));
    const drop = () => store.transact((tx) => tx.dropApproval('b'));
    expect([await drop(), await drop()]).toEqual([true, false]);
    expect(await store.read.approval('b')).toBeNull();
  });

  it('forgets those that have ended', async () => {
    await store.transact((tx) => tx.putApproval(approval('a', { endsAt: now })));
    await store.transact((tx) => tx.putApproval(approval('b')));
    await store.transact((tx) => tx.forgetApprovals(now));
    expect((await store.read.approvals()).map(({ id }) => id)).toEqual(['b']);
  });
}
