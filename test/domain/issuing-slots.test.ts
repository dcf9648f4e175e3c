// When an issuing CA is prepared, when it takes over and when it is of no more use.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fingerprint } from '../../src/domain/certificate.ts';
import {
  activated,
  ended,
  type IssuingPolicy,
  type IssuingSlot,
  isReleasedBy,
  issuingDates,
  issuingName,
  livingSlotsMax,
  objectToActivation,
  shouldActivate,
  shouldPrepare,
  shouldRetire,
  slotIn,
} from '../../src/domain/issuing-slots.ts';

const day = 86_400_000;
const year = 365 * day;
const begin = 1_800_000_000_000;

const policy: IssuingPolicy = {
  longestLeafMs: 90 * day,
  longestGraceMs: 30 * day,
  prepareAheadMs: null,
  activateAheadMs: null,
  lifetimeMs: 5 * year,
  rootNotAfter: begin + 20 * year,
};

function slot(number: number, facts: Partial<IssuingSlot> = {}, from = begin, to = begin + 5 * year): IssuingSlot {
  return {
    number,
    root: 1,
    state: 'current',
    keyFingerprint: `key ${number}` as Fingerprint,
    certificate: { fingerprint: `certificate ${number}` as Fingerprint, notBefore: from, notAfter: to },
    preparedAt: from,
    activatedAt: from,
    replacedAt: null,
    endedAt: null,
    lastLeafEnd: 0,
    ...facts,
  };
}

const first = slot(1);
const prepared = slot(2, { state: 'next', activatedAt: null }, begin + 4 * year, begin + 9 * year);
const requested = { ...prepared, certificate: null };
const neededAt = begin + 5 * year - 90 * day;
const prepareAt = neededAt - 180 * day;

describe('the next issuing CA', () => {
  it('is needed when the present one cannot give a whole life any more, and prepared two lives before', () => {
    expect(issuingDates(first, policy)).toEqual({ prepareAt, neededAt });
    const configured = { ...policy, prepareAheadMs: 300 * day, activateAheadMs: 200 * day };
    const at = begin + 5 * year - 200 * day;
    expect(issuingDates(first, configured)).toEqual({ prepareAt: at - 300 * day, neededAt: at });
  });

  it('is needed at once where the present one is revoked, however short it lives', () => {
    const revoked = { ...policy, revoked: [1] };
    expect(issuingDates(first, revoked)).toEqual({ neededAt: begin, prepareAt: begin });
    expect(shouldPrepare([first], revoked, begin + day, 1)).toBe(true);
    expect(shouldPrepare([first], { ...policy, revoked: [7] }, begin + day, 1)).toBe(false);
    expect(shouldPrepare([first], { ...revoked, rootNotAfter: begin }, begin + day, 1)).toBe(false);
    const shorter = slot(2, { state: 'next', activatedAt: null }, begin, begin + year);
    expect(shouldActivate([first, shorter], revoked, begin + day, 1)).toBe(true);
    expect(shouldActivate([first, shorter], policy, neededAt, 1)).toBe(false);
  });

  it('waits for half of the life of the present one where certificates live nearly as long', () => {
    const long = { ...policy, longestLeafMs: 10 * year };
    expect(issuingDates(first, long)).toEqual({ neededAt: begin + 2.5 * year, prepareAt: begin + 1.25 * year });
  });

  it.each([
    ['before its time', [first], prepareAt - 1, policy, false],
    ['at its time', [first], prepareAt, policy, true],
    ['after the end of the present one', [first], begin + 6 * year, policy, true],
    ['where one is prepared', [first, prepared], prepareAt, policy, false],
    ['where one is asked for elsewhere', [first, requested], prepareAt, policy, false],
    ['without a present one', [slot(1, { state: 'former' })], prepareAt, policy, false],
    [
      'where the root ends with the present one',
      [first],
      prepareAt,
      { ...policy, rootNotAfter: begin + 5 * year },
      false,
    ],
    [
      'where all slots are taken',
      [first, ...Array.from({ length: livingSlotsMax - 1 }, (_, i) => slot(i + 2, { state: 'former' }))],
      prepareAt,
      policy,
      false,
    ],
  ])('is prepared or not: %s', (_, slots, now, of, expected) => {
    expect(shouldPrepare(slots, of, now, 1)).toBe(expected);
  });

  it.each([
    ['before it is needed', [first, prepared], neededAt - 1, false],
    ['when it is needed', [first, prepared], neededAt, true],
    ['when its certificate has not come', [first, requested], neededAt, false],
    ['when it has not begun', [first, slot(2, { state: 'next' }, neededAt + 1, begin + 9 * year)], neededAt, false],
    ['when it has ended', [first, slot(2, { state: 'next' }, begin, neededAt)], neededAt, false],
    ['when it ends no later', [first, slot(2, { state: 'next' }, begin, begin + 5 * year)], neededAt, false],
    ['when there is none', [first], neededAt, false],
  ])('takes over or not: %s', (_, slots, now, expected) => {
    expect(shouldActivate(slots, policy, now, 1)).toBe(expected);
  });

  it('is objected to by name', () => {
    expect(objectToActivation([first], neededAt, 1)).toBe('no issuing CA is prepared');
    expect(objectToActivation([first, requested], neededAt, 1)).toMatch('issuing CA 2 has not been installed');
    expect(objectToActivation([first, prepared], begin, 1)).toMatch('issuing CA 2 begins 20');
    expect(objectToActivation([first, prepared], begin + 9 * year, 1)).toMatch('issuing CA 2 ended 20');
    expect(objectToActivation([first, prepared], neededAt, 1)).toBeNull();
  });

  it('takes the place of the present one, which is former then', () => {
    expect(activated([first, prepared], neededAt, 1)).toEqual([
      { ...first, state: 'former', replacedAt: neededAt },
      { ...prepared, state: 'current', activatedAt: neededAt },
    ]);
    expect(activated([first], neededAt, 1)).toEqual([]);
  });

  it('may be aborted, and another one be prepared', () => {
    const aborted = ended(prepared, 'aborted', neededAt);
    expect(aborted).toMatchObject({ number: 2, state: 'aborted', endedAt: neededAt });
    expect(shouldPrepare([first, aborted], policy, neededAt, 1)).toBe(true);
  });
});

describe('a former issuing CA', () => {
  const former = slot(1, { state: 'former', replacedAt: begin, lastLeafEnd: begin + day });
  it.each([
    ['while its last certificate lives', former, begin + day, false],
    ['while that may still come back in its grace', former, begin + day + 30 * day, false],
    ['after that', former, begin + 31 * day + 1, true],
    ['when it has issued none', { ...former, lastLeafEnd: 0 }, begin + 1, true],
    ['while it signs', { ...former, state: 'current' as const }, begin + 99 * day, false],
    ['once it is retired', { ...former, state: 'retired' as const }, begin + 99 * day, false],
  ])('is retired or not: %s', (_, one, now, expected) => {
    expect(shouldRetire(one, policy, now)).toBe(expected);
  });
});

describe('a release', () => {
  const asked = { step: 'activate', number: 2, fingerprint: 'ab' as Fingerprint } as const;
  it('counts for the very step that was asked for, and for no other', () => {
    expect(isReleasedBy(asked, { ...asked })).toBe(true);
    expect(isReleasedBy(null, asked)).toBe(false);
    for (const other of [{ step: 'retire' as const }, { number: 3 }, { fingerprint: 'cd' as Fingerprint }]) {
      expect(isReleasedBy(asked, { ...asked, ...other })).toBe(false);
    }
  });
});

it('names what belongs to an issuing CA by its number, and to the first without one', () => {
  expect([1, 2, 13].map(issuingName)).toEqual(['issuing', 'issuing-2', 'issuing-13']);
});

/** What the broker does at each heartbeat, where all keys are at hand. */
function beat(slots: IssuingSlot[], of: IssuingPolicy, now: number): IssuingSlot[] {
  const kept = slots.map((one) => (shouldRetire(one, of, now) ? ended(one, 'retired', now) : one));
  const replaced = shouldActivate(kept, of, now, 1) ? activated(kept, now, 1) : [];
  const after = kept.map((one) => replaced.find(({ number }) => number === one.number) ?? one);
  if (!shouldPrepare(after, of, now, 1)) return after;
  const number = Math.max(...after.map((one) => one.number)) + 1;
  const to = Math.min(now + of.lifetimeMs, of.rootNotAfter);
  return [...after, slot(number, { state: 'next', activatedAt: null }, now, to)];
}

it('under any policy: one signs at all times, it has not ended before its root, and none leaves in the first half of its life', () => {
  const spans = {
    leaf: fc.integer({ min: 1, max: 400 }),
    ca: fc.integer({ min: 10, max: 400 }),
    root: fc.integer({ min: 400, max: 2_000 }),
  };
  fc.assert(
    fc.property(fc.record(spans), ({ leaf, ca, root }) => {
      const of = {
        ...policy,
        longestLeafMs: leaf * day,
        longestGraceMs: day,
        lifetimeMs: ca * day,
        rootNotAfter: begin + root * day,
      };
      let slots = [slot(1, {}, begin, begin + ca * day)];
      for (let now = begin; now < of.rootNotAfter; now += day) {
        slots = beat(slots, of, now).map((one) =>
          one.state === 'current'
            ? { ...one, lastLeafEnd: Math.min(now + of.longestLeafMs, one.certificate?.notAfter ?? 0) }
            : one,
        );
        const signing = slots.filter(({ state }) => state === 'current');
        expect(signing).toHaveLength(1);
        expect(slotIn(slots, 'current', 1)?.certificate?.notAfter).toBeGreaterThan(now);
        expect(slots.filter(({ state }) => state === 'next').length).toBeLessThanOrEqual(1);
        expect(new Set(slots.map(({ number }) => number)).size).toBe(slots.length);
      }
      for (const { activatedAt, replacedAt, certificate, lastLeafEnd, endedAt } of slots) {
        if (replacedAt === null || activatedAt === null || certificate === null) continue;
        const half = (certificate.notAfter - certificate.notBefore) / 2;
        expect(replacedAt - certificate.notBefore).toBeGreaterThanOrEqual(half);
        if (endedAt !== null) expect(endedAt).toBeGreaterThan(lastLeafEnd);
      }
    }),
    { numRuns: 25 },
  );
});
