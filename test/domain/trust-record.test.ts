// What is kept of one principal's way to a next root: a table of what each event makes of it, and what holds whatever comes.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { confirmationOf } from '../../src/domain/trust-proof.ts';
import {
  afterConnect,
  afterControl,
  afterOffer,
  afterStored,
  confirmationTowards,
  controlRoot,
  controlVerdicts,
  firstRoot,
  gates,
  glanceAt,
  isNews,
  lastRoot,
  noRecord,
  progressTowards,
  type TrustConnection,
  type TrustRecord,
  underWay,
} from '../../src/domain/trust-record.ts';
import { idOf } from './samples.ts';

const dev = idOf('dev-1');
const gateway = idOf('gw-1');
const t = 1_796_083_200;
const own = { principalId: dev, introduced: false };
const under = (root: number): TrustConnection => ({ ...own, root });

function says(record: TrustRecord, sequence: number, by: typeof gateway | null, now: number): TrustRecord {
  const answer = afterStored(record, sequence, by, now);
  return answer.outcome === 'taken' ? answer.record : record;
}

const nothing = noRecord(dev);
const offered = afterOffer(nothing, { sequence: t, root: 2 }, 10);
const stored = says(offered, t, null, 20);
const proved = afterConnect(stored, under(2), 30);

describe('a record', () => {
  it('goes from offered over stored to proved', () => {
    const all = [nothing, offered, stored, proved];
    expect(all.map((each) => confirmationTowards(each, 2))).toEqual(['none', 'offered', 'stored', 'proved']);
    expect(all.map(underWay)).toEqual([null, { root: 2, isStored: false }, { root: 2, isStored: true }, null]);
    expect(proved).toEqual({
      principalId: dev,
      offered: { sequence: t, root: 2, at: 10 },
      stored: { sequence: t, root: 2, at: 20, by: null },
      last: { root: 2, at: 30 },
      reopenedAt: null,
      visits: 0,
      control: null,
    });
  });

  it('has a proof by a CONNECT that neither an offer nor a word came before', () => {
    const bare = afterConnect(nothing, under(2), 5);
    expect([2, 3].map((root) => confirmationTowards(bare, root))).toEqual(['proved', 'none']);
  });

  it.each<[string, TrustConnection]>([
    ['whom an anchor introduced', { principalId: dev, root: 2, introduced: true }],
    ["another's certificate", { principalId: idOf('dev-2'), root: 2, introduced: false }],
    ['a control', under(controlRoot)],
  ])('is not changed by %s', (_what, connection) => {
    expect(afterConnect(stored, connection, 30)).toBe(stored);
  });

  it('has no proof by what a site gateway says, nor by what the device says', () => {
    const byGateway = says(offered, t, gateway, 20);
    expect(byGateway).toMatchObject({ stored: { by: gateway }, last: null });
    expect([byGateway, stored].map((each) => confirmationTowards(each, 2))).toEqual(['stored', 'stored']);
  });

  it('is reopened by a CONNECT under an older root', () => {
    const reset = afterConnect(proved, under(1), 40);
    expect(reset).toMatchObject({ stored: null, reopenedAt: 40, last: { root: 1, at: 40 } });
    expect(confirmationTowards(reset, 2)).toBe('offered');
    const again = says(reset, t, null, 50);
    expect(confirmationTowards(again, 2)).toBe('stored');
    expect(afterConnect(again, under(2), 60)).toMatchObject({ last: { root: 2, at: 60 }, reopenedAt: 40 });
  });

  it('falls back to the older root where that is not the first', () => {
    const third = afterConnect(proved, under(3), 40);
    expect(confirmationTowards(third, 2)).toBe('proved');
    const back = afterConnect(third, under(2), 50);
    expect([2, 3].map((root) => confirmationTowards(back, root))).toEqual(['proved', 'none']);
  });

  it('stays as it is when the device comes again as before', () => {
    expect(afterConnect(proved, under(2), 99)).toBe(proved);
    expect(afterConnect(nothing, under(1), 99)).toBe(nothing);
  });

  it('counts the visits of a device that is on its way, as far as they tell whether it is stuck', () => {
    let record = stored;
    for (let visit = 1; visit <= 3; visit += 1) {
      record = afterConnect(record, under(1), 20 + visit);
      expect(record.visits).toBe(visit);
    }
    expect(afterConnect(record, under(1), 30)).toBe(record);
    expect(progressTowards(record, 2).visits).toBe(3);
    expect(progressTowards(record, 3).visits).toBe(0);
    expect(afterConnect(record, under(2), 40).visits).toBe(0);
  });
});

describe('an offer', () => {
  it.each<[string, TrustRecord, { sequence: number; root: number }]>([
    ['was made before', offered, { sequence: t, root: 2 }],
    ['is older than the last', offered, { sequence: t - 1, root: 3 }],
    ['names a root that is proved', proved, { sequence: t + 1, root: 2 }],
    ['names the first root', nothing, { sequence: t, root: firstRoot }],
  ])('that %s changes nothing', (_what, record, step) => {
    expect(afterOffer(record, step, 70)).toBe(record);
  });

  it('of a later root begins anew, and leaves what was proved', () => {
    const next = afterOffer(proved, { sequence: t + 9, root: 3 }, 80);
    expect([2, 3].map((root) => confirmationTowards(next, root))).toEqual(['proved', 'offered']);
    expect(underWay(next)).toEqual({ root: 3, isStored: false });
  });
});

describe('a word that the root is kept', () => {
  it('counts for nothing where no such step was offered', () => {
    expect(afterStored(nothing, t, null, 1)).toEqual({ outcome: 'not_offered' });
    expect(afterStored(offered, t + 1, null, 1)).toEqual({ outcome: 'not_offered' });
  });

  it("of the device's own replaces its site gateway's, and not the other way round", () => {
    const byGateway = says(offered, t, gateway, 20);
    expect(says(byGateway, t, null, 30)).toMatchObject({ stored: { by: null, at: 30 } });
    expect(says(byGateway, t, gateway, 30)).toBe(byGateway);
    expect(says(stored, t, gateway, 30)).toBe(stored);
  });
});

describe('a control', () => {
  it('keeps the newest verdict, and since when it holds', () => {
    const bad = afterControl(nothing, 'does_not_verify', 10);
    expect(afterControl(bad, 'does_not_verify', 20)).toBe(bad);
    expect(afterControl(bad, 'passed', 30).control).toEqual({ verdict: 'passed', at: 30 });
  });
});

describe('who gates an activation', () => {
  const one = { status: 'active', hasCertificate: true, hasConnected: true, hasGateway: false } as const;
  it.each([
    ['a device that connects', {}, true],
    ['a device that has not connected yet', { hasConnected: false }, true],
    ['a device behind a site gateway', { hasConnected: false, hasGateway: true }, false],
    ['one that came itself in spite of it', { hasGateway: true }, true],
    ['one without any certificate', { hasCertificate: false }, false],
    ['one in quarantine', { status: 'quarantined' }, false],
    ['one that is decommissioned', { status: 'decommissioned' }, false],
  ] as const)('%s', (_what, change, expected) => {
    expect(gates({ ...one, ...change })).toBe(expected);
  });
});

interface Happening {
  readonly happen: (record: TrustRecord, now: number) => TrustRecord;
  readonly connection?: TrustConnection;
}
const sequence = fc.integer({ min: 1, max: 5 });
const root = fc.integer({ min: 0, max: 4 });
const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc
    .record({ root, introduced: fc.boolean(), principalId: fc.constantFrom(dev, gateway) })
    .map((connection): Happening => ({ happen: (record, now) => afterConnect(record, connection, now), connection })),
  fc.record({ sequence, root }).map((step): Happening => ({ happen: (record, now) => afterOffer(record, step, now) })),
  fc
    .record({ said: sequence, by: fc.constantFrom(null, gateway) })
    .map(({ said, by }): Happening => ({ happen: (record, now) => says(record, said, by, now) })),
  fc
    .constantFrom(...controlVerdicts)
    .map((verdict): Happening => ({ happen: (record, now) => afterControl(record, verdict, now) })),
);
const happenings = fc.array(happening, { maxLength: 25 });

describe('whatever happens', () => {
  it('changes nothing the second time, but that visits are counted', () => {
    fc.assert(
      fc.property(happenings, happening, (before, last) => {
        const record = before.reduce((each, { happen }, now) => happen(each, now), nothing);
        const once = last.happen(record, 50);
        const twice = last.happen(once, 60);
        expect(twice).toEqual({ ...once, visits: twice.visits });
        if (!last.connection) expect(twice).toBe(once);
      }),
    );
  });

  it('the last CONNECT with its own certificate decides what is proved, and what was told is on the way or over', () => {
    fc.assert(
      fc.property(happenings, (all) => {
        const record = all.reduce((each, { happen }, now) => happen(each, now), nothing);
        const came = all.flatMap(({ connection }) => (connection ? [connection] : []));
        const counted = came.filter((each) => !each.introduced && each.principalId === dev && each.root > 0);
        const last = counted.at(-1)?.root ?? firstRoot;
        expect(lastRoot(record)).toBe(last);
        for (const each of [2, 3, 4]) expect(confirmationTowards(record, each) === 'proved').toBe(last >= each);
        const way = underWay(record);
        if (way) expect(confirmationTowards(record, way.root)).toBe(way.isStored ? 'stored' : 'offered');
        expect(isNews({ ...glanceAt(record), isCounted: false }, last)).toBe(false);
      }),
    );
  });

  it('its times towards a root say the same as how far it is', () => {
    fc.assert(
      fc.property(happenings, (all) => {
        const record = all.reduce((each, { happen }, now) => happen(each, now + 1), nothing);
        for (const each of [2, 3, 4]) {
          const progress = progressTowards(record, each);
          expect(confirmationOf(progress)).toBe(confirmationTowards(record, each));
          if (underWay(record)?.root === each) expect(progress.visits).toBe(record.visits);
        }
      }),
    );
  });
});
