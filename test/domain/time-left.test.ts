import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Prospect } from '../../src/domain/forecast.ts';
import {
  type Footing,
  neededMs,
  type Reach,
  reachOf,
  type ShortReason,
  shortfall,
  takesTime,
} from '../../src/domain/time-left.ts';
import { day, noon as now, policy } from './samples.ts';

const prospect: Prospect = {
  endsAt: now + 60 * day,
  dueAt: now + 20 * day,
  quarantined: false,
  gatewayGone: false,
  failed: false,
  issuerEndsAt: now + 3_650 * day,
  gaps: { plannedMs: 0, longestMs: 0 },
  awayMs: 0,
};

const footing = ({
  prospect: facts,
  ...patch
}: { prospect?: Partial<Prospect> } & Partial<Omit<Footing, 'prospect'>>): Footing => ({
  prospect: { ...prospect, ...facts },
  noWay: null,
  reach: 'in_life',
  neededMs: 5 * day,
  ...patch,
});

describe('the time a certificate has left to be replaced', () => {
  it.each<[string, Parameters<typeof footing>[0], ShortReason | null]>([
    ['is enough from its due date on', {}, null],
    ['is enough to the last moment', { prospect: { dueAt: now + 55 * day } }, null],
    ['is too short after it', { prospect: { dueAt: now + 55 * day + 1 } }, 'too_late'],
    [
      'counts from now where the due date has passed',
      { prospect: { dueAt: now - 9 * day, endsAt: now + 4 * day } },
      'too_late',
    ],
    ['is worth nothing in no key mode', { noWay: 'no_key_mode' }, 'no_key_mode'],
    ['is worth nothing behind a gateway that is gone', { prospect: { gatewayGone: true } }, 'gateway_gone'],
    ['is worth nothing behind a gateway that may not', { prospect: { notDelegated: true } }, 'not_delegated'],
    ['is worth nothing where no renewal is planned', { prospect: { dueAt: null } }, 'not_planned'],
  ])('%s', (_what, patch, expected) => {
    expect(shortfall(footing(patch), now)).toBe(expected);
  });

  it('is taken by a decision only from who has enough without it', () => {
    const [good, bad] = [footing({}), footing({ noWay: 'no_key_mode' })];
    expect(takesTime(good, bad, now)).toBe('no_key_mode');
    expect(takesTime(bad, bad, now)).toBeNull();
    expect(takesTime(bad, good, now)).toBeNull();
    expect(takesTime(footing({ prospect: { notDelegated: true } }), bad, now)).toBeNull();
  });

  it.each<[Reach, Reach, ShortReason | null]>([
    ['in_life', 'in_life', null],
    ['in_life', 'in_grace', 'gap_too_long'],
    ['in_life', 'out_of_reach', 'gap_too_long'],
    ['in_grace', 'out_of_reach', 'gap_too_long'],
    ['in_grace', 'in_grace', null],
    ['out_of_reach', 'in_life', null],
  ])('is taken from the next certificate where a visit fell %s and falls %s', (without, withIt, expected) => {
    expect(takesTime(footing({ reach: without }), footing({ reach: withIt }), now)).toBe(expected);
  });

  it('reaches from one visit to the next as far as lifetime, and grace after it', () => {
    const short = { ...policy, lifetimeMs: 30 * day, grace: { kind: 'duration', ms: 10 * day } } as const;
    expect([29, 30, 39, 40].map((days) => reachOf(short, days * day))).toEqual([
      'in_life',
      'in_grace',
      'in_grace',
      'out_of_reach',
    ]);
  });
});

describe('what a replacement needs', () => {
  it('grows with who goes first, with the pause and with the gap between visits, and falls with the pace', () => {
    const most = fc.integer({ min: 0, max: 1_000_000 });
    fc.assert(
      fc.property(most, most, fc.integer({ min: 1, max: 100_000 }), (ahead, gapMs, perSecond) => {
        const needed = (more: number, gap: number, pace: number) =>
          neededMs({ lifeMs: 90 * day, plannedMs: gap }, policy, more, pace);
        expect(needed(ahead + 1, gapMs, perSecond)).toBeGreaterThan(needed(ahead, gapMs, perSecond));
        expect(needed(ahead, gapMs + 1, perSecond)).toBeGreaterThan(needed(ahead, gapMs, perSecond));
        expect(needed(ahead, gapMs, perSecond + 1)).toBeLessThanOrEqual(needed(ahead, gapMs, perSecond));
      }),
    );
  });

  it('keeps a tenth of a short life for another try at most', () => {
    const slow = { ...policy, retryMax: { kind: 'share', share: 1 } } as const;
    expect(neededMs({ lifeMs: 10 * day, plannedMs: 0 }, slow, 0, 100)).toBe(day);
    expect(neededMs({ lifeMs: 10 * day, plannedMs: 0 }, policy, 200, 100)).toBe(3_600_000 + 2_000);
  });
});
