// Part of the suite of every store: how the fleet stands, held against the rule of the domain over any ledger.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { certificateStates, type LedgerEntry } from '../../../src/domain/certificate.ts';
import { type PrincipalId, principalStatuses } from '../../../src/domain/principal.ts';
import { litUntil, type Standing, standingOf } from '../../../src/domain/standing.ts';
import type { Horizon, HorizonPlace, StandingCount, StandingCounts, StandingPage } from '../../../src/ports/fleet.ts';
import { certificate, day, idOf, now, principal } from './rows.ts';
import { store } from './under-test.ts';

const instant = fc.integer({ min: -3, max: 3 }).map((days) => now + days * day);

const entries = fc.array(
  fc.record({
    state: fc.constantFrom(...certificateStates),
    notAfter: instant,
    activatedAt: fc.option(fc.constant(now - 9 * day)),
    overlapUntil: fc.option(instant),
    revoked: fc.option(instant),
  }),
  { maxLength: 4 },
);
const fleet = fc.array(fc.record({ status: fc.constantFrom(...principalStatuses), entries }), {
  minLength: 1,
  maxLength: 6,
});

async function walk(until: number, limit: number): Promise<Horizon[]> {
  const all: Horizon[] = [];
  let after: HorizonPlace | null = null;
  for (;;) {
    const page = await store.read.horizons(until, after, limit);
    all.push(...page);
    const last = page.at(-1);
    if (!last || page.length < limit) return all;
    after = { litUntil: last.litUntil, id: last.principal.id };
  }
}

/** Counted in pages of two. */
async function counted(): Promise<StandingCounts> {
  const sum = async <Place>(page: (after: Place | null) => Promise<StandingPage<Place>>): Promise<StandingCount> => {
    const counts: StandingCount[] = [];
    let after: Place | null = null;
    do {
      const { count, last }: StandingPage<Place> = await page(after);
      expect(count.all).toBeLessThanOrEqual(2);
      counts.push(count);
      after = last;
    } while (after !== null);
    const of = (name: keyof StandingCount): number => counts.reduce((all, count) => all + count[name], 0);
    return { all: of('all'), quarantined: of('quarantined'), devices: of('devices') };
  };
  return {
    dark: await sum<HorizonPlace>((after) => store.read.darkPage(now, after, 2)),
    without: await sum<PrincipalId>((after) => store.read.withoutPage(after, 2)),
    nearestEndAt: await store.read.nearestEnd(now),
  };
}

let run = 0;

export function standings(): void {
  it('are those of the domain for any ledger, however it came about', async () => {
    await fc.assert(
      fc.asyncProperty(fleet, fc.boolean(), async (members, inTwoSteps) => {
        run += 1;
        const before = await counted();
        const made = members.map(({ status, entries: facts }, i) => {
          const id = `m${run}-${i}`;
          const rows = facts.map(({ revoked, ...each }, place) =>
            certificate(`${id}-${place}`, id, {
              ...each,
              revokedAt: revoked,
              revocationReason: revoked === null ? null : 'superseded',
            }),
          );
          return { record: principal(id, { status }), rows };
        });
        for (const { record, rows } of made) {
          await store.transact(async (tx) => {
            await tx.putPrincipal(record);
            for (const row of rows) {
              // As it was issued first, and then what became of it.
              const issued: LedgerEntry = { ...row, state: 'issued', activatedAt: null, overlapUntil: null };
              if (inTwoSteps) await tx.putCertificate({ ...issued, revokedAt: null, revocationReason: null });
              await tx.putCertificate(row);
            }
          });
        }
        const after = await counted();
        const stands = (standing: Standing): number =>
          made.filter(({ record, rows }) => standingOf(record, litUntil(rows), now) === standing).length;
        expect(after.dark.all - before.dark.all).toBe(stands('dark'));
        expect(after.without.all - before.without.all).toBe(stands('without'));
        for (const { record, rows } of made) {
          const found = await store.read.horizonOf(record.id);
          expect(found?.litUntil ?? null).toBe(litUntil(rows));
          expect((await store.read.unissued(idOf('a'), 1_000)).some(({ id }) => id === record.id)).toBe(
            standingOf(record, litUntil(rows), now) === 'without',
          );
        }
        const walked = await walk(now + 2 * day, 3);
        const mine = walked.filter((each) => each.principal.id.startsWith(`m${run}-`));
        const expected = made.filter(({ record, rows }) => {
          const until = litUntil(rows);
          return record.status !== 'decommissioned' && until !== null && until <= now + 2 * day;
        });
        expect(mine.map(({ principal: { id } }) => id).sort()).toEqual(expected.map(({ record: { id } }) => id).sort());
        expect(walked.map((each) => each.litUntil)).toEqual(walked.map((each) => each.litUntil).sort((x, y) => x - y));
      }),
      { numRuns: 40 },
    );
  });

  it('tell the next end, and how many of the dark are in quarantine', async () => {
    await store.transact(async (tx) => {
      for (const [id, status, notAfter] of [
        ['dark', 'active', now - 1],
        ['held', 'quarantined', now],
        ['gone', 'decommissioned', now + 1],
        ['next', 'active', now + 2],
        ['later', 'active', now + 3],
      ] as const) {
        await tx.putPrincipal(principal(id, { status }));
        await tx.putCertificate(certificate(id, id, { notAfter }));
      }
    });
    expect(await counted()).toEqual({
      dark: { all: 2, quarantined: 1, devices: 2 },
      // `a` and `b`, which every test finds.
      without: { all: 2, quarantined: 0, devices: 2 },
      nearestEndAt: now + 2,
    });
    expect(await store.read.unissued(null, 10)).toEqual([
      { id: 'a', kind: 'device', owner: 'waterworks', site: 'north' },
      { id: 'b', kind: 'device', owner: 'waterworks', site: 'north' },
    ]);
    expect(await store.read.unissued(idOf('a'), 10)).toMatchObject([{ id: 'b' }]);
  });
}
