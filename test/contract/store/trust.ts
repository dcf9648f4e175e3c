// Part of the suite of every store: how principals are on their way to the next roots, held against the rules of the domain.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { LedgerEntry } from '../../../src/domain/certificate.ts';
import { type Principal, type PrincipalId, principalStatuses } from '../../../src/domain/principal.ts';
import {
  afterConnect,
  afterControl,
  afterOffer,
  afterStored,
  gates,
  glanceAt,
  lastRoot,
  noRecord,
  type TrustRecord,
  underWay,
} from '../../../src/domain/trust-record.ts';
import type { TrustCount, TrustPart, TrustPlace, UnderRoot } from '../../../src/ports/trust.ts';
import { certificate, idOf, now, principal } from './rows.ts';
import { put, reopen, store } from './under-test.ts';

const a = idOf('a');
const connected = (record: TrustRecord, root: number, at = now): TrustRecord =>
  afterConnect(record, { principalId: record.principalId, root, introduced: false }, at);
const offeredTo = (id: PrincipalId, root: number, sequence = root): TrustRecord =>
  afterOffer(noRecord(id), { sequence, root }, now);

function storedBy(record: TrustRecord, by: PrincipalId | null): TrustRecord {
  const answer = afterStored(record, record.offered?.sequence ?? 0, by, now);
  return answer.outcome === 'taken' ? answer.record : record;
}

const unseen = (name: string, owner: string): LedgerEntry => certificate(name, owner, { lastSeenAt: null });

const write = (...records: TrustRecord[]): Promise<void> =>
  store.transact(async (tx) => {
    for (const record of records) await tx.putTrustRecord(record);
  });

async function unprovedOf(root: number): Promise<UnderRoot[]> {
  const all: UnderRoot[] = [];
  let after: TrustPlace | null = null;
  for (;;) {
    const page: UnderRoot[] = await store.read.unproved(root, after, 2);
    all.push(...page);
    expect(page.length).toBeLessThanOrEqual(2);
    const last = page.at(-1);
    if (!last || page.length < 2) return all;
    after = { last: last.last, id: last.id };
  }
}

async function under(root: number): Promise<string[]> {
  return (await store.read.lastUnder(root, null, 100)).map(({ id }) => id);
}

async function countsOf(part: TrustPart): Promise<string[]> {
  const all: TrustCount[] = [];
  let after: string | null = null;
  for (;;) {
    const page: TrustCount[] = await store.read.trustCounts(part, after, 1);
    expect(new Set(page.map(({ name }) => name)).size).toBeLessThanOrEqual(1);
    if (page.length === 0) break;
    all.push(...page);
    after = page.at(-1)?.name ?? '';
  }
  return all.map((each) => `${each.name} ${each.measure} ${each.root} ${each.gates} ${each.count}`).toSorted();
}

export function trustRecords(): void {
  it('keeps each part of a record', async () => {
    expect(await store.read.trustRecord(a)).toBeNull();
    const whole = afterControl(storedBy(connected(offeredTo(a, 3), 2), idOf('b')), 'does_not_verify', now);
    for (const record of [offeredTo(a, 2), connected(noRecord(a), 2), whole, connected(whole, 1), noRecord(a)]) {
      await write(record);
      expect(await store.read.trustRecord(a)).toEqual(record);
      expect(await store.read.trustGlance(a)).toEqual(glanceAt(record));
      await reopen();
      expect(await store.read.trustRecord(a)).toEqual(record);
      expect(await store.read.trustGlance(a)).toEqual(glanceAt(record));
    }
  });

  it('has nothing of a principal that there is not', async () => {
    const nobody = idOf('nobody');
    expect(await store.read.trustGlance(nobody)).toBeNull();
    await expect(write(noRecord(nobody))).rejects.toMatchObject({ code: 'store_constraint' });
  });

  it('knows what was undone from what was written', async () => {
    await write(offeredTo(a, 2));
    const undone = store.transact(async (tx) => {
      await tx.putTrustRecord(connected(offeredTo(a, 2), 2));
      expect(await tx.trustGlance(a)).toEqual({ last: 2, isCounted: false });
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await store.read.trustGlance(a)).toEqual({ last: 1, isCounted: true });
  });

  it('takes the first root for granted of whoever came with a certificate of its own, and of nobody else', async () => {
    await put(unseen('of a', 'a'), unseen('of b', 'b'));
    expect(await under(0)).toEqual(['a', 'b']);
    const { fingerprint } = unseen('of a', 'a');
    await store.transact((tx) => tx.noteSeen(fingerprint, a, now));
    expect([await under(0), await under(1)]).toEqual([['b'], ['a']]);
    await write(connected(noRecord(a), 2));
    await store.transact((tx) => tx.noteSeen(fingerprint, a, now + 1));
    expect([await under(1), await under(2)]).toEqual([[], ['a']]);
    await write(storedBy(offeredTo(idOf('b'), 2), null));
    expect(await unprovedOf(2)).toMatchObject([{ id: 'b', last: 0, next: 2, isStored: true }]);
  });

  it('does not take a certificate that a site gateway showed for one that came itself', async () => {
    const entry = unseen('of a', 'a');
    await put({ ...entry, state: 'issued', activatedAt: null });
    await store.transact(async (tx) => {
      await tx.noteActivatedThrough(entry.fingerprint, idOf('b'));
      await tx.putCertificate({ ...entry, activatedAt: now, lastSeenAt: now });
    });
    expect([await under(0), await under(1)]).toEqual([['a'], []]);
    await store.transact((tx) => tx.noteSeen(entry.fingerprint, a, now + 1));
    expect([await under(0), await under(1)]).toEqual([[], ['a']]);
  });

  it('lists and counts what the domain says of any fleet', async () => {
    const step = fc.record({
      id: fc.constantFrom('p1', 'p2', 'p3', 'p4', 'p5'),
      owner: fc.constantFrom('', 'anna', 'carla'),
      class: fc.constantFrom('default', 'meter'),
      site: fc.constantFrom(null, 'north'),
      gateway: fc.constantFrom(null, 'a'),
      status: fc.constantFrom(...principalStatuses),
      hasCertificate: fc.boolean(),
      offer: fc.integer({ min: 0, max: 3 }),
      isStored: fc.boolean(),
      under: fc.constantFrom(0, 1, 2, 3),
    });
    const seen = new Set<string>();
    const records = new Map<string, TrustRecord>();
    const fleet = new Map<string, Principal>();
    const certified = new Set<string>();
    const play = async (each: typeof step extends fc.Arbitrary<infer Step> ? Step : never): Promise<void> => {
      const id = idOf(each.id);
      const { owner, class: named, site, status } = each;
      const gateway = each.gateway === null ? null : idOf(each.gateway);
      const record = principal(each.id, { owner, class: named, site, gateway, status });
      fleet.set(each.id, record);
      await store.transact((tx) => tx.putPrincipal(record));
      const entry = unseen(`of ${each.id}`, each.id);
      if (each.hasCertificate && !certified.has(each.id)) {
        certified.add(each.id);
        await put(entry);
      }
      let next = records.get(each.id) ?? noRecord(id);
      if (each.offer > 0) next = afterOffer(next, { sequence: each.offer, root: each.offer }, now);
      if (each.isStored) next = storedBy(next, null);
      if (certified.has(each.id) && each.under > 0) {
        seen.add(each.id);
        await store.transact((tx) => tx.noteSeen(entry.fingerprint, id, now));
        next = connected(next, each.under);
      }
      records.set(each.id, next);
      await write(next);
    };
    const expected = (): Map<string, UnderRoot> => {
      const rows = [...fleet].flatMap(([name, { id, kind, status, owner, class: named, site, gateway }]) => {
        const record = records.get(name) ?? noRecord(id);
        const hasCertificate = certified.has(name);
        if (status !== 'active' || !hasCertificate) return [];
        const way = underWay(record);
        const hasConnected = seen.has(name);
        return [
          {
            ...{ id, kind, owner, class: named, site, gateway },
            last: hasConnected ? lastRoot(record) : 0,
            next: way?.root ?? 0,
            isStored: way?.isStored ?? false,
            gates: gates({ status, hasCertificate, hasConnected, hasGateway: gateway !== null }),
          },
        ];
      });
      return new Map(rows.map((row) => [row.id, row]));
    };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
        for (const each of steps) await play(each);
        const all = [...expected().values()].toSorted((x, y) => x.last - y.last || (x.id < y.id ? -1 : 1));
        for (const root of [1, 2, 3]) expect(await unprovedOf(root)).toEqual(all.filter(({ last }) => last < root));
        for (const root of [0, 1, 2, 3]) expect(await under(root)).toEqual(idsUnder(all, root));
        const named = {
          all: () => '',
          class: (row) => row.class,
          owner: (row) => row.owner,
          site: (row) => row.site ?? '',
        } as const satisfies Record<TrustPart, (row: UnderRoot) => string>;
        for (const part of ['all', 'class', 'owner', 'site'] as const) {
          expect(await countsOf(part)).toEqual(counted(all, named[part]));
        }
      }),
      // The store goes on from run to run, so that nothing can be made smaller.
      { numRuns: 40, endOnFailure: true },
    );
  });

  it('begins a list and a count after a place', async () => {
    await put(unseen('of a', 'a'), unseen('of b', 'b'));
    expect((await store.read.lastUnder(0, a, 10)).map(({ id }) => id)).toEqual(['b']);
    expect((await store.read.unproved(2, { last: 0, id: a }, 10)).map(({ id }) => id)).toEqual(['b']);
    await store.transact((tx) => tx.putPrincipal(principal('b', { site: null })));
    const sites = await store.read.trustCounts('site', null, 10);
    expect(sites.map(({ name, count }) => [name, count])).toEqual([
      ['', 1],
      ['north', 1],
    ]);
    expect((await store.read.trustCounts('site', '', 10)).map(({ name }) => name)).toEqual(['north']);
  });
}

function idsUnder(all: readonly UnderRoot[], root: number): string[] {
  return all.filter(({ last }) => last === root).map(({ id }) => id);
}

function counted(all: readonly UnderRoot[], named: (row: UnderRoot) => string): string[] {
  const counts = new Map<string, number>();
  for (const row of all) {
    const about = [
      'in_service 0',
      ...(row.next > 0 ? [`${row.isStored ? 'stored' : 'offered'} ${row.next}`] : []),
      ...(row.last > 1 ? [`last ${row.last}`] : []),
    ];
    for (const each of about) {
      const key = `${named(row)} ${each} ${row.gates}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return [...counts].map(([key, count]) => `${key} ${count}`).toSorted();
}
