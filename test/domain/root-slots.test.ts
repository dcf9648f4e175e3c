import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fingerprint } from '../../src/domain/certificate.ts';
import {
  type Advice,
  afterPrepare,
  afterRootStep,
  currentRoot,
  portPlan,
  type RootSlot,
  rootPolicyDefault,
  rootToLeave,
  shouldActivate,
  shouldDistribute,
  shouldPrepare,
  shouldRetire,
  warnFrom,
} from '../../src/domain/root-slots.ts';
import type { Rest } from '../../src/domain/trust-proof.ts';
import { day, noon } from './samples.ts';

const year = 365 * day;
const at = (years: number): number => noon + years * year;
const hash = (number: number) => String(number).repeat(64) as Fingerprint;
const validity = (years: number) => ({ notBefore: at(years), notAfter: at(years + 20) });

const first: RootSlot = {
  number: 1,
  state: 'current',
  fingerprint: hash(1),
  ...validity(0),
  preparedAt: at(0),
  distributedAt: at(0),
  activatedAt: at(0),
};
const alone = [first];
const prepared = afterPrepare(alone, { fingerprint: hash(2), ...validity(10) }, at(10));
const distributed = afterRootStep(prepared, 'distribute', at(11));
const activated = afterRootStep(distributed, 'activate', at(15));
const retired = afterRootStep(activated, 'retire', at(16));
const aborted = afterRootStep(distributed, 'abort', at(12));

const none: Rest = { count: 0, accepted: 0 };
const some: Rest = { count: 3, accepted: 2 };
const accepted: Rest = { count: 3, accepted: 3 };
const ready = { backupAt: at(10.5), isDropSigned: true, isReached: true };
const policy = rootPolicyDefault;
const due = (dueAt: number | null, isDue: boolean, ...objections: Advice['objections']): Advice => ({
  dueAt,
  isDue,
  objections,
});

describe('the next root', () => {
  it.each<[string, readonly RootSlot[], number, number, Advice]>([
    ['not before half of the life of the present one', alone, 0, at(9), due(at(10), false)],
    ['from then on', alone, 0, at(10), due(at(10), true)],
    ['not twice', prepared, 0, at(12), due(null, false, 'next_exists')],
    ['not while the former one serves', activated, 0, at(25.5), due(at(20), true, 'former_exists')],
    ['again when the former one is retired', retired, 0, at(21), due(at(20), true)],
    ['not while somebody is on the port of an aborted one', aborted, 1, at(12), due(at(10), true, 'no_free_port')],
    ['again when everybody has left the aborted one', aborted, 0, at(12), due(at(10), true)],
  ])('is prepared: %s', (_, slots, onAborted, now, expected) => {
    expect(shouldPrepare(slots, policy, onAborted, now)).toEqual(expected);
  });

  it.each<[string, readonly RootSlot[], Parameters<typeof shouldDistribute>[2], Advice]>([
    ['not before it is there', alone, ready, due(null, false, 'no_next')],
    ['once it has a backup and its port is reached', prepared, ready, due(at(10), true)],
    ['not without a backup', prepared, { ...ready, backupAt: null }, due(at(10), true, 'no_backup')],
    ['not with a backup from before it', prepared, { ...ready, backupAt: at(10) - 1 }, due(at(10), true, 'no_backup')],
    [
      'not before it has signed that it drops the older ones',
      prepared,
      { ...ready, isDropSigned: false },
      due(at(10), true, 'no_drop'),
    ],
    ['not when its port is not reached', prepared, { ...ready, isReached: false }, due(at(10), true, 'not_reached')],
    ['once', distributed, ready, due(null, false)],
  ])('is distributed: %s', (_, slots, readiness, expected) => {
    expect(shouldDistribute(slots, policy, readiness, at(12))).toEqual(expected);
  });

  it.each<[string, readonly RootSlot[], Rest, number, Advice]>([
    ['not before it is there', alone, none, at(16), due(null, false, 'no_next')],
    ['not before it is distributed', prepared, none, at(16), due(null, false, 'not_distributed')],
    ['not yet five years before the end', distributed, none, at(14), due(at(15), false)],
    ['five years before the end', distributed, none, at(15), due(at(15), true)],
    ['not while somebody has not proved it', distributed, some, at(15), due(at(15), true, 'unproved')],
    ['when an operator has accepted the rest', distributed, accepted, at(15), due(at(15), true)],
  ])('becomes current: %s', (_, slots, unproved, now, expected) => {
    expect(shouldActivate(slots, policy, { unproved }, now)).toEqual(expected);
  });

  it.each<[string, readonly RootSlot[], Rest, number, Advice]>([
    ['there is none', distributed, none, at(16), due(null, false, 'no_former')],
    ['not in the year after', activated, none, at(15.5), due(at(16), false)],
    ['a year after', activated, none, at(16), due(at(16), true)],
    ['not while somebody is on its port', activated, some, at(19), due(at(16), true, 'on_old_port')],
    ['when an operator has named them', activated, accepted, at(19), due(at(16), true)],
    ['at its end, whoever is on its port', activated, some, at(20), due(at(16), true)],
  ])('has its predecessor retired: %s', (_, slots, onOldPort, now, expected) => {
    expect(shouldRetire(slots, policy, { onOldPort }, now)).toEqual(expected);
  });

  it('has those named who will not make it a year before the end of the one before it', () => {
    expect(warnFrom(first, policy)).toBe(at(19));
    expect([alone, prepared, distributed, activated, retired].map((slots) => rootToLeave(slots)?.number)).toEqual([
      undefined,
      undefined,
      1,
      1,
      undefined,
    ]);
  });
});

describe('the ports', () => {
  it.each<[string, readonly RootSlot[], number, number, number | null, boolean]>([
    ['of a home that never rolled over', alone, 0, 1, null, true],
    ['with a next root', prepared, 0, 1, 2, false],
    ['with a next root that devices have', distributed, 0, 1, 2, false],
    ['with a former root', activated, 0, 1, 2, false],
    ['after the former root is retired', retired, 0, 2, 2, true],
    ['with an aborted root that devices are on', aborted, 1, 1, 2, false],
    ['with an aborted root that everybody has left', aborted, 0, 1, 1, true],
    ['with a root that was aborted before anybody had it', afterRootStep(prepared, 'abort', at(12)), 5, 1, 1, true],
  ])('%s serve', (_, slots, onAborted, one, second, isSecondFree) => {
    expect(portPlan(slots, onAborted, at(17))).toEqual({ first: one, second, isSecondFree });
  });

  it('serve the present root alone once the former one has ended, and are free once that is retired', () => {
    expect(portPlan(activated, 0, at(20) - 1)).toMatchObject({ first: 1 });
    expect(portPlan(activated, 0, at(20))).toEqual({ first: 2, second: 2, isSecondFree: false });
  });
});

describe('a step of the slots', () => {
  it('that has nothing to be taken on is a fault', () => {
    for (const step of ['distribute', 'activate', 'abort'] as const) {
      expect(() => afterRootStep(alone, step, at(1))).toThrow(/no next root/);
    }
    expect(() => afterRootStep(distributed, 'retire', at(1))).toThrow(/no former root/);
    expect(() => currentRoot([])).toThrow(/no root is current/);
  });

  it('to distribute that is repeated keeps the time of the first', () => {
    expect(afterRootStep(distributed, 'distribute', at(13))).toEqual(distributed);
  });
});

/** What an operator and a fleet may do, in any order. */
const act = fc.record({
  step: fc.constantFrom(
    'prepare' as const,
    'distribute' as const,
    'activate' as const,
    'abort' as const,
    'retire' as const,
  ),
  laterMs: fc.integer({ min: 0, max: 6 * year }),
  onAborted: fc.nat(2),
  rest: fc.record({ count: fc.nat(2), accepted: fc.nat(2) }),
  readiness: fc.record({
    backupAt: fc.constantFrom(null, noon, noon + 1_000 * year),
    isDropSigned: fc.boolean(),
    isReached: fc.boolean(),
  }),
});
type Act = (typeof act extends fc.Arbitrary<infer T> ? T : never) & object;

/** Takes the step if nothing stands in its way. */
function taken(
  slots: readonly RootSlot[],
  { step, onAborted, rest, readiness }: Act,
  now: number,
): readonly RootSlot[] {
  const isFree = (advice: Advice): boolean => advice.objections.length === 0;
  const has = (state: RootSlot['state']): boolean => slots.some((each) => each.state === state);
  switch (step) {
    case 'prepare': {
      const made = { fingerprint: hash(9), notBefore: now, notAfter: now + 20 * year };
      return isFree(shouldPrepare(slots, policy, onAborted, now)) ? afterPrepare(slots, made, now) : slots;
    }
    case 'distribute':
      return isFree(shouldDistribute(slots, policy, readiness, now)) ? afterRootStep(slots, step, now) : slots;
    case 'activate':
      return isFree(shouldActivate(slots, policy, { unproved: rest }, now)) ? afterRootStep(slots, step, now) : slots;
    case 'abort':
      return has('next') ? afterRootStep(slots, step, now) : slots;
    case 'retire':
      return isFree(shouldRetire(slots, policy, { onOldPort: rest }, now)) ? afterRootStep(slots, step, now) : slots;
  }
}

describe('whatever steps are taken, in whatever order,', () => {
  const acts = fc.array(act, { maxLength: 40 });
  const count = (slots: readonly RootSlot[], state: RootSlot['state']) =>
    slots.filter((each) => each.state === state).length;

  it('one root is current, one at most next and one former, and each has a number of its own', () => {
    fc.assert(
      fc.property(acts, (all) => {
        let [slots, now]: [readonly RootSlot[], number] = [alone, noon];
        for (const each of all) {
          now += each.laterMs;
          slots = taken(slots, each, now);
          expect([count(slots, 'current'), count(slots, 'next') <= 1, count(slots, 'former') <= 1]).toEqual([
            1,
            true,
            true,
          ]);
          expect(count(slots, 'next') + count(slots, 'former')).toBeLessThanOrEqual(1);
          expect(slots.map(({ number }) => number)).toEqual(slots.map((_, i) => i + 1));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('a root that serves and has not ended leaves its port only when nobody is on it, or those were named', () => {
    fc.assert(
      fc.property(acts, (all) => {
        let [slots, now]: [readonly RootSlot[], number] = [alone, noon];
        for (const each of all) {
          const before = portPlan(slots, each.onAborted, now);
          const after = taken(slots, each, now);
          const plan = portPlan(after, each.onAborted, now);
          const lost = [before.first, before.second].filter(
            (root) => root !== null && ![plan.first, plan.second].includes(root),
          );
          for (const number of lost) {
            const root = after.find((each) => each.number === number);
            const state = root?.state;
            if (root && root.notAfter <= now) continue;
            expect(['retired', 'aborted']).toContain(state);
            if (state === 'retired') expect(each.rest.count <= each.rest.accepted).toBe(true);
            if (state === 'aborted' && root?.distributedAt !== null) {
              expect(each.onAborted).toBe(0);
            }
          }
          now += each.laterMs;
          slots = after;
        }
      }),
      { numRuns: 500 },
    );
  });

  it('what the first port serves is what the second served before, or the same', () => {
    fc.assert(
      fc.property(acts, (all) => {
        let [slots, now]: [readonly RootSlot[], number] = [alone, noon];
        for (const each of all) {
          const before = portPlan(slots, each.onAborted, now);
          slots = taken(slots, each, now);
          expect([before.first, before.second]).toContain(portPlan(slots, each.onAborted, now).first);
          now += each.laterMs;
        }
      }),
      { numRuns: 500 },
    );
  });
});
