// What a paused campaign holds back, and until when.
import { describe, expect, it } from 'vitest';
import { canBeHeld, type HoldFacts, heldUntil, holdOf } from '../../src/domain/hold.ts';
import { day, entry, noon, renewal } from './samples.ts';

/** A certificate of 20 days that ends in 10, and a device that comes back within a day. */
function facts(patch: Partial<HoldFacts> = {}): HoldFacts {
  return {
    campaign: { id: 'c1', state: 'paused' },
    certificate: entry({ notBefore: noon - 10 * day, notAfter: noon + 10 * day }),
    gaps: { plannedMs: day, longestMs: day },
    dueAt: noon + 3 * day,
    now: noon,
    ...patch,
  };
}

describe('a paused campaign', () => {
  it('holds a renewal back until its certificate is due by its own policy', () => {
    expect(holdOf(facts())).toEqual({ kind: 'held', until: noon + 3 * day });
    expect(holdOf(facts({ now: noon + 3 * day }))).toEqual({ kind: 'free' });
  });

  it('holds it back no longer than its slack lasts: a tenth of its life before the last chance', () => {
    // The last chance is a day before the end, and a tenth of the life is two days.
    const urgentAt = noon + 7 * day;
    const late = facts({ dueAt: noon + 9 * day });
    expect(holdOf(late)).toEqual({ kind: 'held', until: urgentAt + 1 });
    expect(heldUntil(late)).toBe(urgentAt + 1);
    expect(holdOf({ ...late, now: urgentAt })).toEqual({ kind: 'held', until: urgentAt + 1 });
    expect(holdOf({ ...late, now: urgentAt + 1 })).toEqual({ kind: 'urgent', campaign: 'c1' });
  });

  it.each([
    ['running', 'free'],
    ['done', 'free'],
    ['aborted', 'free'],
    ['stopped', 'held'],
    ['paused', 'held'],
  ] as const)('that is %s leaves a renewal %s', (state, kind) => {
    expect(holdOf(facts({ campaign: { id: 'c1', state } })).kind).toBe(kind);
  });

  it.each([
    [{}, true],
    [{ state: 'offered' }, false],
    [{ campaign: null }, false],
    [{ oldFingerprint: null }, false],
    [{ releasedAt: noon }, false],
  ] as const)('can hold back a renewal with %j: %s', (patch, can) => {
    expect(canBeHeld(renewal({ state: 'due', campaign: 'c1', ...patch }))).toBe(can);
  });
});
