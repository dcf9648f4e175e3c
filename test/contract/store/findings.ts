// Part of the suite of every store: what a look over the fleet reads, and the findings it keeps.
import { expect, it } from 'vitest';
import { certificate, contact, digest, idOf, now, principal, renewal } from './rows.ts';
import { put, reopen, store } from './under-test.ts';

const finding = (subject: string, facts: object = {}) => ({
  kind: 'no_owner',
  subject,
  detail: 'it has no owner',
  firstAt: now,
  lastAt: now,
  ...facts,
});

export function findings(): void {
  it('keeps findings by kind and subject, and when each was first made', async () => {
    await store.transact(async (tx) => {
      for (const subject of ['c', 'a']) await tx.putFinding(finding(subject));
      await tx.putFinding(finding('b', { kind: 'never_seen' }));
      await tx.putFinding(finding('a', { detail: 'still nobody', firstAt: now + 5, lastAt: now + 5 }));
    });
    const read = await reopen().then(() => store.read);
    expect(await read.findings({}, 10)).toEqual([
      finding('b', { kind: 'never_seen' }),
      finding('a', { detail: 'still nobody', lastAt: now + 5 }),
      finding('c'),
    ]);
    expect(await read.findings({ kind: 'no_owner', after: 'a' }, 10)).toEqual([finding('c')]);
    expect(await read.findings({}, 1)).toHaveLength(1);
    const [first, ...rest] = await read.findings({}, 10);
    expect(await read.findings({ afterKind: first?.kind ?? '', after: first?.subject ?? '' }, 10)).toEqual(rest);
  });

  it('forgets those of a kind that were not made again, and of one prefix alone where it is told one', async () => {
    const subjects = async (): Promise<string[]> =>
      (await store.read.findings({}, 10)).map(({ kind, subject }) => `${kind} ${subject}`);
    await store.transact(async (tx) => {
      for (const subject of ['old', 'x/old', 'x0', 'y/old']) await tx.putFinding(finding(subject, { lastAt: now - 1 }));
      await tx.putFinding(finding('old', { kind: 'never_seen', lastAt: now - 1 }));
      for (const subject of ['new', 'x/new']) await tx.putFinding(finding(subject));
    });
    await store.transact((tx) => tx.forgetFindings('no_owner', now, 'x/'));
    expect(await subjects()).toEqual([
      'never_seen old',
      'no_owner new',
      'no_owner old',
      'no_owner x/new',
      'no_owner x0',
      'no_owner y/old',
    ]);
    await store.transact((tx) => tx.dropFinding('no_owner', 'x0'));
    await store.transact((tx) => tx.forgetFindings('no_owner', now));
    expect(await subjects()).toEqual(['never_seen old', 'no_owner new', 'no_owner x/new']);
  });

  it('lists the certificates that may open a session, and the expired ones, of a stretch of the inventory', async () => {
    await store.transact(async (tx) => {
      for (const id of ['c', 'd']) await tx.putPrincipal(principal(id));
    });
    await put(
      certificate('second', 'b', { issuedAt: now - 1 }),
      certificate('first', 'b', { issuedAt: now - 2, state: 'superseded', overlapUntil: now + 9 }),
      certificate('unused', 'c', { state: 'issued' }),
      certificate('over', 'c', { state: 'expired', issuedAt: now }),
      certificate('gone', 'c', { state: 'retired', revokedAt: now, revocationReason: 'superseded' }),
      certificate('before', 'a'),
      certificate('after', 'd'),
    );
    const found = await store.read.certificatesInUse(idOf('b'), idOf('c'));
    const { der: _der, keyFingerprint: _key, ...expected } = certificate('first', 'b', { issuedAt: now - 2 });
    expect(found[0]).toMatchObject({ fingerprint: expected.fingerprint, principalId: 'b', state: 'superseded' });
    expect(found.map(({ fingerprint }) => fingerprint)).toEqual(
      ['first', 'second', 'unused', 'over'].map((name) => digest(`certificate ${name}`)),
    );
    expect(found.every(({ sharedWith }) => sharedWith === null)).toBe(true);
    expect(found[0]).not.toHaveProperty('der');
  });

  it('names another principal with a living certificate over the same key, and nobody for one that is gone', async () => {
    const key = { keyFingerprint: digest('one key') };
    await put(certificate('1', 'a', key), certificate('2', 'a', key), certificate('3', 'b', key));
    const sharedBy = async (id: string): Promise<unknown> =>
      (await store.read.certificatesInUse(idOf(id), idOf(id))).map(({ sharedWith }) => sharedWith);
    expect(await sharedBy('a')).toEqual(['b', 'b']);
    expect(await sharedBy('b')).toEqual(['a']);
    await put(certificate('3', 'b', { ...key, state: 'revoked', revokedAt: now, revocationReason: 'keyCompromise' }));
    expect(await sharedBy('a')).toEqual([null, null]);
  });

  it('tells of a replacement that its device has installed and not used since when that is so', async () => {
    const at = now + 5;
    await store.transact(async (tx) => {
      await tx.putRenewal(renewal('r1', 'a', { state: 'installed', updatedAt: at }));
      await tx.putRenewal(renewal('r2', 'b', { state: 'delivered', updatedAt: at }));
    });
    await put(
      certificate('1', 'a', { renewalId: 'r1', issuedAt: now - 1, state: 'issued' }),
      certificate('2', 'a', { issuedAt: now }),
      certificate('3', 'b', { renewalId: 'r2', state: 'issued' }),
    );
    const installed = async (): Promise<unknown> =>
      (await store.read.certificatesInUse(idOf('a'), idOf('b'))).map(({ installedAt }) => installedAt);
    expect(await installed()).toEqual([at, null, null]);
    await put(certificate('1', 'a', { renewalId: 'r1', issuedAt: now - 1 }));
    expect(await installed()).toEqual([null, null, null]);
  });

  it('knows when those of a stretch were last seen', async () => {
    await store.transact(async (tx) => {
      for (const id of ['c', 'd']) await tx.putPrincipal(principal(id));
      await tx.putContact(contact('a'));
      await tx.putContact(contact('b', { lastSeenAt: null }));
      await tx.putContact(contact('c', { lastSeenAt: now - 7 }));
      await tx.putContact(contact('d'));
    });
    expect(await store.read.lastSeen(idOf('a'), idOf('c'))).toEqual(
      new Map([
        ['a', now],
        ['c', now - 7],
      ]),
    );
  });

  it('lists principals of one source', async () => {
    await store.transact(async (tx) => {
      for (const id of ['c', 'd']) await tx.putPrincipal(principal(id, { source: 'netbox' }));
      await tx.putPrincipal(principal('d', { source: 'netbox', status: 'quarantined' }));
    });
    const ids = async (query: object): Promise<string[]> =>
      (await store.read.principals(query, { limit: 9 })).map(({ id }) => id);
    expect(await ids({ source: 'netbox' })).toEqual(['c', 'd']);
    expect(await ids({ source: 'netbox', status: 'active' })).toEqual(['c']);
    expect(await ids({ source: 'cmdb' })).toEqual(['a', 'b']);
  });
}
