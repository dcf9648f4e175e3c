// Which ends of a connection say that its client cannot take the first message of its queue, and when the message is given up.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EndCause, endCauses } from '../../src/domain/disconnection.ts';
import {
  afterUntakenEnd,
  backWithinMs,
  cutsMax,
  cutWithinMs,
  isGivenUp,
  type Untaken,
  type UntakenEnd,
} from '../../src/domain/untaken.ts';

const end = (more: Partial<UntakenEnd> = {}): UntakenEnd => ({
  first: '1/7',
  cause: 'closed',
  cameAt: 1_000,
  sentAt: 1_010,
  endedAt: 1_020,
  ...more,
});
const known = (more: Partial<Untaken> = {}): Untaken => ({ first: '1/7', cuts: 3, endedAt: 900, holds: 2, ...more });
const cuts = (before: Untaken | null, more: Partial<UntakenEnd> = {}) => afterUntakenEnd(before, end(more))?.cuts;

describe('a message that is first in a queue', () => {
  it('is given up at the fifth cut in a row, and not before', () => {
    let trouble: Untaken | null = null;
    for (let times = 1; times <= cutsMax; times += 1) {
      trouble = afterUntakenEnd(trouble, end({ cameAt: times * 100, sentAt: times * 100, endedAt: times * 100 + 1 }));
      expect(trouble && isGivenUp(trouble)).toBe(times === cutsMax);
    }
  });

  it.each([
    ['broken off', 'closed', 4],
    ['taken over', 'taken_over', 4],
    ['ended by DISCONNECT', 'disconnected', 0],
    ['silent', 'silent', 0],
    ['ended by a decision', 'decided', 3],
    ['ended by a limit', 'limit', 3],
    ['malformed', 'malformed', 3],
  ] as const)('after a connection that was %s', (_what, cause, expected) => {
    expect(cuts(known(), { cause })).toBe(expected);
  });

  it('begins anew where its client was away, the end came late, or another message is first', () => {
    expect(cuts(known(), { cameAt: 900 + backWithinMs + 1, sentAt: 700_000, endedAt: 700_001 })).toBe(1);
    expect(cuts(known(), { endedAt: 1_010 + cutWithinMs + 1 })).toBe(0);
    expect(cuts(known(), { first: '1/8' })).toBe(1);
    expect(afterUntakenEnd(known(), end({ first: '1/8' }))?.holds).toBe(0);
    expect(afterUntakenEnd(known(), end())?.holds).toBe(2);
  });

  it('is never given up by a client that says DISCONNECT, is silent or stays away, in whatever order', () => {
    const gentle = fc.record({
      cause: fc.constantFrom<EndCause>(...(Object.keys(endCauses) as EndCause[])),
      awayMs: fc.integer({ min: 0, max: 2 * backWithinMs }),
      openMs: fc.integer({ min: 0, max: 2 * cutWithinMs }),
    });
    fc.assert(
      fc.property(fc.array(gentle, { maxLength: 40 }), (visits) => {
        let [trouble, now, row]: [Untaken | null, number, number] = [null, 0, 0];
        for (const { cause, awayMs, openMs } of visits) {
          const cameAt = now + awayMs;
          const isCut = (cause === 'closed' || cause === 'taken_over') && openMs <= cutWithinMs;
          const isPlain =
            cause !== 'disconnected' && cause !== 'silent' && cause !== 'closed' && cause !== 'taken_over';
          row = isPlain ? row : isCut ? (row > 0 && awayMs <= backWithinMs ? row + 1 : 1) : 0;
          now = cameAt + openMs;
          trouble = afterUntakenEnd(trouble, end({ cause, cameAt, sentAt: cameAt, endedAt: now }));
          if (trouble && isGivenUp(trouble)) expect(row).toBeGreaterThanOrEqual(cutsMax);
        }
      }),
    );
  });
});
