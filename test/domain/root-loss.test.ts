import { expect, it } from 'vitest';
import type { Fingerprint } from '../../src/domain/certificate.ts';
import type { IssuingPolicy, IssuingSlot, SlotState } from '../../src/domain/issuing-slots.ts';
import { type RootLoss, rootLoss } from '../../src/domain/root-loss.ts';
import type { RootSlot, RootState } from '../../src/domain/root-slots.ts';
import { day, noon } from './samples.ts';

const year = 365 * day;
const hash = (number: number) => String(number).repeat(64) as Fingerprint;
const root = (number: number, state: RootState, distributedAt: number | null = null): RootSlot => ({
  number,
  state,
  fingerprint: hash(number),
  notBefore: noon,
  notAfter: noon + 20 * year,
  preparedAt: noon,
  distributedAt,
  activatedAt: noon,
});
const issuing = (number: number, state: SlotState, years: number | null, above = 1): IssuingSlot => ({
  number,
  root: above,
  state,
  keyFingerprint: hash(number),
  certificate: years === null ? null : { fingerprint: hash(number), notBefore: noon, notAfter: noon + years * year },
  preparedAt: noon,
  activatedAt: noon,
  replacedAt: null,
  endedAt: null,
  lastLeafEnd: 0,
});
const policy: IssuingPolicy = {
  longestLeafMs: 90 * day,
  longestGraceMs: 30 * day,
  prepareAheadMs: null,
  activateAheadMs: null,
  lifetimeMs: 5 * year,
  rootNotAfter: noon + 20 * year,
};

it.each<[string, RootSlot[], IssuingSlot[], Omit<RootLoss, 'root'>]>([
  [
    'without a spare: until the issuing CA can give no whole life, and until it ends',
    [root(1, 'current')],
    [issuing(1, 'current', 5)],
    { spare: 'none', wholeUntil: noon + 5 * year - 90 * day, worksUntil: noon + 5 * year },
  ],
  [
    'with the next issuing CA certified before: until that one ends',
    [root(1, 'current')],
    [issuing(1, 'current', 5), issuing(2, 'next', 9)],
    { spare: 'none', wholeUntil: noon + 9 * year - 90 * day, worksUntil: noon + 9 * year },
  ],
  [
    'not by an issuing CA that was asked for and never certified, nor by one below another root',
    [root(1, 'current'), root(2, 'next')],
    [issuing(1, 'current', 5), issuing(2, 'next', null), issuing(3, 'current', 9, 2)],
    { spare: 'prepared', wholeUntil: noon + 5 * year - 90 * day, worksUntil: noon + 5 * year },
  ],
  [
    'with a spare that devices are told of',
    [root(1, 'current'), root(2, 'next', noon)],
    [issuing(1, 'current', 5)],
    { spare: 'announced', wholeUntil: noon + 5 * year - 90 * day, worksUntil: noon + 5 * year },
  ],
  [
    'once another root is current',
    [root(1, 'former'), root(2, 'current', noon)],
    [issuing(1, 'former', 5)],
    { spare: 'retiring', wholeUntil: null, worksUntil: null },
  ],
])('what goes on when the key of a root is lost, %s', (_, slots, cas, expected) => {
  const [first] = slots as [RootSlot];
  expect(rootLoss(slots, first, cas, policy)).toEqual({ root: 1, ...expected });
});
