// Part of the suite of every store: a principal with a long history. What is asked about it each day answers with what may still matter, and no
// more of it the longer it lasts.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pagesOf } from '../../../src/app/pages.ts';
import type { CertificateState, LedgerEntry } from '../../../src/domain/certificate.ts';
import type { KeyRecord } from '../../../src/domain/key-mode.ts';
import type { PrincipalId } from '../../../src/domain/principal.ts';
import type { Reader } from '../../../src/ports/store.ts';
import { recordOf } from '../../domain/key-record.ts';
import { delegation, grant, ofSite } from './delegations.ts';
import { certificate, day, digest, idOf, now, renewal } from './rows.ts';
import { put, putRenewals, store } from './under-test.ts';

/** Of each kind that a principal gathers. */
const long = 1_200;
const self = idOf('a');
const over: readonly CertificateState[] = ['retired', 'revoked'];

const old = (i: number, facts: Partial<LedgerEntry> = {}): LedgerEntry => {
  const state = over[i % 2] ?? 'retired';
  const end = { state, revokedAt: now - i, revocationReason: 'superseded' } as const;
  return certificate(`old ${i}`, 'a', { issuedAt: now - 2 * day - i, keyFingerprint: digest('key'), ...end, ...facts });
};

const living = (name: string, facts: Partial<LedgerEntry> = {}): LedgerEntry =>
  certificate(name, 'a', { revokedAt: null, revocationReason: null, ...facts });

/** A history of every kind, and of each kind one that may still matter. */
async function plant(): Promise<void> {
  const each = Array.from({ length: long }, (_, i) => i);
  await put(...each.map((i) => old(i)), living('in use', { keyFingerprint: digest('key') }));
  await putRenewals(
    ...each.map((i) => renewal(`r${i}`, 'a', { state: 'retired' })),
    renewal('open', 'a', { state: 'due' }),
  );
  const ended = each.flatMap((i) => [
    delegation(`named ${i}`, { gatewayId: self, revokedAt: now }),
    ofSite(`site ${i}`, 'north', { gatewayId: self, endsAt: now - 1 - i }),
  ]);
  await grant(...ended, delegation('stands', { gatewayId: self, endsAt: now + day }));
  await store.transact(async (tx) => {
    for (const i of each) {
      const line = { at: now, action: 'renewal.offered', principalId: self, detail: '', actor: null };
      await tx.record({ ...line, renewalId: i === 0 ? 'open' : `r${i}` });
    }
  });
}

/** Everything that is asked about one principal without saying how many rows are wanted, and how many it may be told at most. */
const asked: Readonly<Record<string, (read: Reader, id: PrincipalId) => Promise<readonly unknown[]>>> = {
  unendedRenewals: (read, id) => read.unendedRenewals(id),
  outlooksOf: (read, id) => read.outlooksOf(id),
  certificatesInUse: (read, id) => read.certificatesInUse(id, id),
  standingDelegations: (read, id) => read.standingDelegations(id, now),
  delegationsFor: (read, id) => read.delegationsFor(id, 'north'),
  openAlertsOf: (read, id) => read.openAlertsOf(id),
  refusalsOf: (read) => read.refusalsOf('open'),
  carriedContacts: (read, id) => read.carriedContacts(id),
  storedClientIds: (read, id) => read.storedClientIds(id),
};

export function history(): void {
  it('answers what is asked each day with few rows, however long it is', async () => {
    await plant();
    const rows: Record<string, number> = {};
    for (const [name, ask] of Object.entries(asked)) rows[name] = (await ask(store.read, self)).length;
    expect(rows).toEqual({
      unendedRenewals: 1,
      outlooksOf: 1,
      certificatesInUse: 1,
      standingDelegations: 1,
      delegationsFor: 64,
      openAlertsOf: 0,
      refusalsOf: 0,
      carriedContacts: 0,
      storedClientIds: 0,
    });
    expect((await store.read.delegationsFor(self, 'north'))[0]?.id).toBe('stands');
    expect((await store.read.renewals({ principalId: self }, 2)).map(({ id }) => id)).toEqual(['open', `r${long - 1}`]);
    expect((await store.read.heldCertificates(self, { limit: 10 })).map(({ fingerprint }) => fingerprint)).toEqual([
      living('in use').fingerprint,
    ]);
    expect(await store.read.journal({ renewalId: 'open' }, 10)).toHaveLength(1);
  });

  it('gives certificates in pages, the newest first, those of one moment too, and leaves none out', async () => {
    const many = Array.from({ length: 25 }, (_, i) => old(i, { issuedAt: now - Math.floor(i / 7) }));
    await put(...many, certificate('other', 'b'));
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await store.read.certificatesOf(self, { limit: 4, ...(after !== undefined && { after }) });
      seen.push(...page.map(({ fingerprint }) => fingerprint));
      after = page.length === 4 ? page.at(-1)?.fingerprint : undefined;
    } while (after !== undefined);
    const newestFirst = many.toReversed().sort((one, other) => other.issuedAt - one.issuedAt);
    expect(seen).toEqual(newestFirst.map(({ fingerprint }) => fingerprint));
  });

  it('holds what was neither retired nor revoked, before a certificate that need not be held itself', async () => {
    const states: readonly CertificateState[] = ['issued', 'active', 'superseded', 'expired', 'retired', 'revoked'];
    const all = states.map((state, i) => {
      const revoked = over.includes(state);
      const end = { revokedAt: revoked ? now : null, revocationReason: revoked ? ('superseded' as const) : null };
      return certificate(state, 'a', { state, issuedAt: now - i, ...end });
    });
    const newest = certificate('newest', 'a', { state: 'retired', issuedAt: now + 1 });
    await put(...all, newest);
    const held = async (after?: string) => {
      const page = await store.read.heldCertificates(self, { limit: 9, ...(after !== undefined && { after }) });
      return page.map(({ state }) => state);
    };
    expect(await held()).toEqual(['issued', 'active', 'superseded', 'expired']);
    expect(await held(newest.fingerprint)).toEqual(['issued', 'active', 'superseded', 'expired']);
    expect(await held(all[1]?.fingerprint)).toEqual(['superseded', 'expired']);
    expect(await held(all[4]?.fingerprint)).toEqual([]);
  });

  it('knows whether a certificate was ever seen in use', async () => {
    await put(certificate('issued', 'a', { state: 'issued', activatedAt: null }));
    expect(await store.read.wasSeen(self)).toBe(false);
    await put(old(1, { activatedAt: now - day }));
    expect(await store.read.wasSeen(self)).toBe(true);
    expect(await store.read.wasSeen(idOf('b'))).toBe(false);
  });

  it('tells of a key what all its certificates say, whatever they are', async () => {
    const reasons = fc.constantFrom(null, 'superseded', 'keyCompromise', 'cessationOfOperation', 'unspecified');
    const fact = fc.record({ owner: fc.constantFrom('a', 'b'), age: fc.integer({ min: 0, max: 9 }), reason: reasons });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fact, { maxLength: 6 }), async (facts) => {
        run += 1;
        const keyFingerprint = digest(`key ${run}`);
        const entries = facts.map(({ owner, age, reason }, i) =>
          certificate(`${run} ${i}`, owner, {
            keyFingerprint,
            issuedAt: now - age * day,
            state: reason === null ? 'active' : 'revoked',
            revokedAt: reason === null ? null : now,
            revocationReason: reason,
          }),
        );
        await put(...entries);
        expect(await store.read.keyRecord(keyFingerprint)).toEqual(recordOf(entries) satisfies KeyRecord);
        const held: string[] = [];
        const limit = 2;
        for await (const page of pagesOf<LedgerEntry>(limit, (last) =>
          store.read.heldByKey(keyFingerprint, { limit, ...(last && { after: last.fingerprint }) }),
        )) {
          held.push(...page.map(({ fingerprint }) => fingerprint));
        }
        const standing = entries.filter(({ state }) => state === 'active').map(({ fingerprint }) => fingerprint);
        expect(held.toSorted()).toEqual(standing.toSorted());
      }),
      { numRuns: 60 },
    );
  });
}
