import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gapsOf, withVisit } from '../../src/domain/presence.ts';
import { cohorts } from '../../src/domain/principal.ts';
import {
  type Campaign,
  type CohortResults,
  cohortOf,
  isUrgent,
  lastChanceAt,
  nextStep,
  type RolloutRule,
} from '../../src/domain/rollout.ts';
import { day, idOf, noon } from './samples.ts';

const rule: RolloutRule = { activatedShare: 0.95, soakMs: day, failedShareMax: 0.05, failuresLeast: 3 };
const campaign: Campaign = {
  id: 'c1',
  reason: 'new issuer',
  drill: false,
  state: 'running',
  cohort: 'canary',
  issuedBefore: noon,
  class: null,
  site: null,
  otherIssuer: false,
  reasonCode: null,
  forgiven: 0,
  startedAt: noon,
  cohortAt: noon,
  reachedAt: null,
  detail: null,
  heldUntil: null,
};
const seen = (members: number, activated: number, failed = 0): CohortResults => ({
  complete: true,
  members,
  activated,
  failed,
});

describe('a campaign', () => {
  it('waits until enough of the cohort is activated, and then through the soak time', () => {
    expect(nextStep(campaign, seen(100, 94), rule, noon)).toEqual({ kind: 'wait' });
    expect(nextStep(campaign, seen(100, 95), rule, noon)).toEqual({ kind: 'reached' });
    const reached = { ...campaign, reachedAt: noon };
    expect(nextStep(reached, seen(100, 96), rule, noon + day - 1)).toEqual({ kind: 'wait' });
    expect(nextStep(reached, seen(100, 96), rule, noon + day)).toEqual({ kind: 'advance', cohort: 'early' });
  });

  it('goes back to waiting when the share is lost again in the soak time', () => {
    expect(nextStep({ ...campaign, reachedAt: noon }, seen(120, 96), rule, noon + day)).toEqual({ kind: 'wait' });
  });

  it('stops by itself on too many failures, also in the soak time, and says how many', () => {
    for (const reachedAt of [null, noon]) {
      const step = nextStep({ ...campaign, reachedAt }, seen(100, 90, 6), rule, noon);
      expect(step).toEqual({ kind: 'stop', detail: '6 of 100 renewals of cohort canary failed, more than 5%' });
    }
  });

  it('is not stopped by a failure or two, however small the cohort', () => {
    expect(nextStep(campaign, seen(4, 2, 2), rule, noon)).toEqual({ kind: 'wait' });
    expect(nextStep(campaign, seen(4, 1, 3), rule, noon).kind).toBe('stop');
  });

  it('moves on only once the whole cohort was gone through, and may stop before', () => {
    const part = { ...seen(100, 100), complete: false };
    expect(nextStep(campaign, part, rule, noon)).toEqual({ kind: 'wait' });
    expect(nextStep(campaign, { ...part, members: 0, activated: 0 }, rule, noon)).toEqual({ kind: 'wait' });
    expect(nextStep(campaign, { ...seen(10, 0, 5), complete: false }, rule, noon).kind).toBe('stop');
  });

  it('goes on after failures that somebody has taken note of, and stops for as many again', () => {
    const noted = { ...campaign, forgiven: 6 };
    expect(nextStep(noted, seen(100, 80, 6), rule, noon)).toEqual({ kind: 'wait' });
    expect(nextStep(noted, seen(100, 80, 11), rule, noon)).toEqual({ kind: 'wait' });
    expect(nextStep(noted, seen(100, 80, 12), rule, noon).kind).toBe('stop');
  });

  it('that is a drill is over once its one cohort has proven it', () => {
    const drill = { ...campaign, drill: true };
    expect(nextStep(drill, seen(20, 18), rule, noon)).toEqual({ kind: 'wait' });
    expect(nextStep(drill, seen(20, 19), rule, noon)).toEqual({ kind: 'finish' });
    expect(nextStep(drill, seen(20, 10, 3), rule, noon).kind).toBe('stop');
  });

  it('that is a drill over nobody has proven nothing, and says so once it was gone through', () => {
    const drill = { ...campaign, drill: true };
    expect(nextStep(drill, { ...seen(0, 0), complete: false }, rule, noon)).toEqual({ kind: 'wait' });
    const detail = 'no device of cohort canary could be renewed: nothing was proven';
    expect(nextStep(drill, seen(0, 0), rule, noon)).toEqual({ kind: 'stop', detail });
  });

  it('passes a cohort that nobody is in, and finishes after the last', () => {
    expect(nextStep(campaign, seen(0, 0), rule, noon)).toEqual({ kind: 'advance', cohort: 'early' });
    expect(nextStep({ ...campaign, cohort: 'broad' }, seen(0, 0), rule, noon)).toEqual({ kind: 'finish' });
  });

  it('does nothing unless it is running, and never advances without evidence', () => {
    const states = fc.constantFrom('running', 'paused', 'stopped', 'done', 'aborted') as fc.Arbitrary<
      Campaign['state']
    >;
    const evidence = fc
      .tuple(fc.nat(500), fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }))
      .map(([members, a, f]) => seen(members, Math.floor(members * a), Math.floor(members * (1 - a) * f)));
    const reachedAt = fc.option(fc.integer({ min: noon - 3 * day, max: noon }));
    fc.assert(
      fc.property(states, fc.constantFrom(...cohorts), evidence, reachedAt, (state, cohort, each, reached) => {
        const step = nextStep({ ...campaign, state, cohort, reachedAt: reached }, each, rule, noon);
        if (state !== 'running') expect(step).toEqual({ kind: 'wait' });
        if (step.kind !== 'advance' && step.kind !== 'finish') return;
        expect(each.members === 0 || each.activated >= each.members * rule.activatedShare).toBe(true);
        expect(each.members === 0 || (reached !== null && reached + rule.soakMs <= noon)).toBe(true);
      }),
    );
  });
});

describe('the cohort of a device', () => {
  const shares = { canary: 0.01, early: 0.09 };

  it('is the one it was assigned to', () => {
    for (const cohort of cohorts) expect(cohortOf(cohort, idOf('pump-7'), shares)).toBe(cohort);
  });

  it('is the same at every evaluation, and close to the shares over a fleet', () => {
    const counts = { canary: 0, early: 0, broad: 0 };
    for (let i = 0; i < 20_000; i += 1) {
      const id = idOf(`device-${i}`);
      const cohort = cohortOf(null, id, shares);
      expect(cohortOf(null, id, shares)).toBe(cohort);
      counts[cohort] += 1;
    }
    expect(counts.canary).toBeGreaterThan(120);
    expect(counts.canary).toBeLessThan(300);
    expect(counts.early).toBeGreaterThan(1_500);
    expect(counts.early).toBeLessThan(2_100);
  });

  it('never moves a device backwards when the first shares grow', () => {
    for (let i = 0; i < 2_000; i += 1) {
      const id = idOf(`device-${i}`);
      const before = cohorts.indexOf(cohortOf(null, id, shares));
      expect(cohorts.indexOf(cohortOf(null, id, { canary: 0.05, early: 0.2 }))).toBeLessThanOrEqual(before);
    }
  });
});

describe('urgency', () => {
  it('puts who comes rarely before who comes often, of two whose certificates end together', () => {
    const never = gapsOf(new Uint8Array());
    const rarely = gapsOf(withVisit(new Uint8Array(), 20 * day, 0));
    expect(lastChanceAt(noon, never)).toBe(noon);
    expect(lastChanceAt(noon, rarely)).toBeLessThanOrEqual(noon - 20 * day);
    expect(Number.isInteger(lastChanceAt(noon, rarely))).toBe(true);
  });

  it('is a slack below a tenth of the life', () => {
    expect(isUrgent(9 * day, 90 * day)).toBe(false);
    expect(isUrgent(9 * day - 1, 90 * day)).toBe(true);
    expect(isUrgent(-day, 90 * day)).toBe(true);
  });
});
