import { describe, expect, it } from 'vitest';
import type { Fingerprint } from '../../src/domain/certificate.ts';
import type { RootSlot, RootState } from '../../src/domain/root-slots.ts';
import { distrustedRoots, type ExposurePlace, exposureTo, type RootMark } from '../../src/domain/trust-exposure.ts';
import { day, noon } from './samples.ts';

const slot = (number: number, state: RootState, notAfter = noon + day): RootSlot => ({
  number,
  state,
  fingerprint: String(number).repeat(64) as Fingerprint,
  notBefore: noon - day,
  notAfter,
  preparedAt: noon - day,
  distributedAt: noon - day,
  activatedAt: noon - day,
});
const compromised = (root: number): RootMark => ({ root, kind: 'compromised', at: noon });
const revoked = (root: number, notAfter = noon + day) => ({ number: 7, root, notAfter });

describe('the roots that are distrusted', () => {
  const both = [slot(1, 'former'), slot(2, 'current')];
  it.each<[string, RootSlot[], RootMark[], ReturnType<typeof revoked>[], number[]]>([
    ['none where nothing is known', both, [], [], []],
    ['one whose key is in wrong hands', both, [compromised(1)], [], [1]],
    ['one whose issuing CA is revoked', both, [], [revoked(1)], [1]],
    ['not for an issuing CA that has ended', both, [], [revoked(1, noon)], []],
    ['not for a key that is only lost', both, [{ root: 1, kind: 'key_lost', at: noon }], [], []],
    ['not after its own end', [slot(1, 'former', noon), slot(2, 'current')], [compromised(1)], [], []],
    [
      'one that is retired, since devices may trust it',
      [slot(1, 'retired'), slot(2, 'current')],
      [compromised(1)],
      [],
      [1],
    ],
    ['none that was given up', [slot(1, 'current'), slot(2, 'aborted')], [compromised(2)], [], []],
    ['both', both, [compromised(2)], [revoked(1)], [1, 2]],
  ])('%s', (_, slots, marks, cas, expected) => {
    const found = distrustedRoots(slots, marks, cas, noon);
    expect(found.map(({ root }) => root)).toEqual(expected);
    const inUse = slots.filter(({ state }) => state === 'current' || state === 'former').map(({ number }) => number);
    for (const { root, isInUse } of found) expect(isInUse).toBe(inUse.includes(root));
  });
});

describe('how somebody is exposed to a distrusted root', () => {
  const place: ExposurePlace = { last: 1, next: 0, isStored: false, hasDropped: false };
  it.each<[Partial<ExposurePlace>, string | null]>([
    [{}, 'not_told'],
    [{ last: 0 }, 'never_connected'],
    [{ next: 2 }, 'told'],
    [{ next: 2, isStored: true }, 'stored'],
    [{ last: 2 }, 'trusts_both'],
    [{ last: 2, hasDropped: true }, null],
    [{ hasDropped: true }, null],
    [{ last: 0, next: 2, isStored: true }, 'stored'],
    [{ next: 1, isStored: true }, 'not_told'],
  ])('%j: %s', (more, expected) => {
    expect(exposureTo(1, { ...place, ...more })).toBe(expected);
  });
});
