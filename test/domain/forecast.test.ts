import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chanceOf, type DarkReason, foresee, type Prospect } from '../../src/domain/forecast.ts';
import { slackMs } from '../../src/domain/presence.ts';

const day = 86_400_000;
const now = 1_000 * day;
const in90 = now + 90 * day;

const always = { plannedMs: 0, longestMs: 0 };
const every = (days: number) => ({ plannedMs: days * day, longestMs: days * day });

/** Here, due in ten days, with forty to live. */
function prospect(patch: Partial<Prospect> = {}): Prospect {
  return {
    endsAt: now + 40 * day,
    dueAt: now + 10 * day,
    quarantined: false,
    gatewayGone: false,
    failed: false,
    issuerEndsAt: now + 1_000 * day,
    gaps: always,
    awayMs: null,
    ...patch,
  };
}

function verdict(patch: Partial<Prospect>, until = in90, hasKeyMode = true) {
  const each = prospect(patch);
  return foresee(each, chanceOf(each, now), until, hasKeyMode);
}

describe('when it can be renewed', () => {
  it.each<[string, Partial<Prospect>, number, number]>([
    ['here and never away: when it is due', {}, 0, 10],
    ['here and overdue: now', { dueAt: now - day }, 0, 0],
    ['here, else once a week: at the first week after it is due', { gaps: every(7) }, 0, 14],
    ['away, and due by then: at its return', { gaps: every(30), awayMs: 12 * day }, 18, 18],
    ['away, and not due by then: at a later return', { gaps: every(4), awayMs: day }, 3, 11],
    ['due at the very time it comes: then', { gaps: every(5), awayMs: 0 }, 5, 10],
    ['away for longer than ever: after as long again', { gaps: every(4), awayMs: 9 * day }, 9, 13],
    ['never seen to come back: after as long again, and so on', { awayMs: 3 * day }, 3, 15],
    ['being renewed: at its return', { dueAt: now - day, gaps: every(30), awayMs: day }, 29, 29],
    ['without a plan: at its return, if that would help', { dueAt: null, gaps: every(30), awayMs: day }, 29, 29],
  ])('%s', (_, patch, expectedIn, renewsIn) => {
    const chance = chanceOf(prospect(patch), now);
    expect([(chance.expectedAt - now) / day, (chance.renewsAt - now) / day]).toEqual([expectedIn, renewsIn]);
  });
});

describe('who goes dark', () => {
  it.each<[string, Partial<Prospect>, DarkReason | null, number | null]>([
    ['nobody that is here', {}, null, null],
    ['nobody that comes often enough', { gaps: every(7), awayMs: day }, null, null],
    ['who comes only after the end', { gaps: every(60), awayMs: 12 * day }, 'comes_rarely', -8],
    ['who comes at the very end', { gaps: every(60), awayMs: 20 * day }, 'comes_rarely', 0],
    ['who is away for longer than ever', { gaps: every(7), awayMs: 50 * day }, 'away', -10],
    ['who left at once and was not seen again', { awayMs: 60 * day }, 'away', -20],
    ['who comes too early and then too late', { gaps: every(36), awayMs: 30 * day }, 'no_lead', -2],
    ['who is here now, before it is due, and then too late', { gaps: every(41) }, 'no_lead', -1],
    ['who is quarantined, here or not', { quarantined: true }, 'quarantined', null],
    ['who is behind a gateway that is gone', { gatewayGone: true }, 'gateway_gone', null],
    ['who no gateway may renew any more', { notDelegated: true }, 'not_delegated', null],
    ['whose renewal is not planned', { dueAt: null }, 'not_planned', null],
    ['whose last try failed', { dueAt: now, failed: true }, 'renewal_failed', null],
    ['whose certificate ends with its issuer', { issuerEndsAt: now + 40 * day }, 'issuer_ends', null],
  ])('%s', (_, patch, why, slackDays) => {
    const dark = verdict(patch);
    expect(dark?.why ?? null).toBe(why);
    if (dark) expect(dark).toEqual({ why, at: now + 40 * day, slackMs: slackDays === null ? null : slackDays * day });
  });

  it('who has no key mode at the time of its chance', () => {
    expect(verdict({}, in90, false)).toEqual({ why: 'no_key_mode', at: now + 40 * day, slackMs: null });
    expect(verdict({ gaps: every(60), awayMs: 0 }, in90, false)?.why).toBe('comes_rarely');
  });

  it('nobody before the end of its certificate, and everybody by the end of the issuing CA', () => {
    const lost = { gaps: every(60), awayMs: 0 };
    expect(verdict(lost, now + 40 * day - 1)).toBeNull();
    expect(verdict(lost, now + 40 * day)?.why).toBe('comes_rarely');
    expect(verdict({}, now + 999 * day)).toBeNull();
    expect(verdict({}, now + 1_000 * day)).toEqual({ why: 'issuer_ends', at: now + 1_000 * day, slackMs: null });
    expect(verdict(lost, now + 1_000 * day)).toMatchObject({ why: 'comes_rarely', at: now + 40 * day });
  });

  it('names what somebody must undo before what waiting could help', () => {
    const all = { quarantined: true, gatewayGone: true, dueAt: null, gaps: every(60), awayMs: 0 };
    expect(verdict(all)?.why).toBe('quarantined');
    expect(verdict({ ...all, quarantined: false })?.why).toBe('gateway_gone');
    expect(verdict({ ...all, quarantined: false, gatewayGone: false })?.why).toBe('not_planned');
  });
});

describe('whatever is known', () => {
  const days = fc.integer({ min: 0, max: 400 }).map((each) => each * day);
  const any = fc.record({
    endsAt: days.map((each) => now + each),
    dueAt: fc.option(days.map((each) => now - 100 * day + each)),
    quarantined: fc.boolean(),
    gatewayGone: fc.boolean(),
    failed: fc.boolean(),
    issuerEndsAt: days.map((each) => now + 2 * each),
    gaps: days.map((plannedMs) => ({ plannedMs, longestMs: plannedMs })),
    awayMs: fc.option(days),
  });

  it('a chance is never before the device is expected or before it is due, and at most one gap after both', () => {
    fc.assert(
      fc.property(any, (each) => {
        const { expectedAt, renewsAt } = chanceOf(each, now);
        expect(expectedAt).toBeGreaterThanOrEqual(now);
        expect(renewsAt).toBeGreaterThanOrEqual(Math.max(expectedAt, each.dueAt ?? 0));
        const step = each.gaps.plannedMs || 2 * (each.awayMs ?? 0);
        expect(renewsAt).toBeLessThanOrEqual(Math.max(expectedAt, each.dueAt ?? 0) + step);
      }),
    );
  });

  it('agrees with slack wherever a renewal is due at the return', () => {
    fc.assert(
      fc.property(any, (each) => {
        const due = { ...each, dueAt: now, awayMs: each.awayMs ?? 0 };
        const left = slackMs(due.endsAt, now, due.gaps, due.awayMs);
        expect(due.endsAt - chanceOf(due, now).renewsAt).toBe(left);
      }),
    );
  });

  it('who is dark by a date is dark by every later one, and for the same reason', () => {
    fc.assert(
      fc.property(any, days, days, (each, sooner, more) => {
        const chance = chanceOf(each, now);
        const first = foresee(each, chance, now + sooner, true);
        if (!first) return;
        expect(first.at).toBeLessThanOrEqual(now + sooner);
        const second = foresee(each, chance, now + sooner + more, true);
        expect(second).toEqual(first);
      }),
    );
  });

  it('darkness that has a slack has none left', () => {
    fc.assert(
      fc.property(any, (each) => {
        const dark = foresee(each, chanceOf(each, now), now + 1_000 * day, true);
        if (dark?.slackMs !== null && dark !== null) expect(dark.slackMs).toBeLessThanOrEqual(0);
      }),
    );
  });
});
