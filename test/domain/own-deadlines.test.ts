// How loudly the end of what the broker depends on is told.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alertTimes, type Deadline, firstOfEach, judge } from '../../src/domain/own-deadlines.ts';

const day = 86_400_000;
const begins = Date.UTC(2026, 0, 1);
const deadline = (facts: Partial<Deadline> = {}): Deadline => ({
  kind: 'server',
  subject: 'server certificate',
  beginsAt: begins,
  endsAt: begins + 100 * day,
  ...facts,
});
const at = (days: number, facts: Partial<Deadline> = {}) => judge(deadline(facts), begins + days * day);
const loudness = ({ level, severity }: ReturnType<typeof judge>): number =>
  level === 'ok' ? 0 : level === 'error' ? 3 : severity === 'critical' ? 2 : 1;

describe('the end of what the broker depends on', () => {
  it.each([
    [0, 'ok', 'warning'],
    [75, 'ok', 'warning'],
    [76, 'warning', 'warning'],
    [96, 'warning', 'critical'],
    [100, 'error', 'critical'],
    [-1, 'error', 'critical'],
  ])('%s days after its begin, of a hundred, is %s and would be %s', (days, level, severity) => {
    expect(at(days)).toMatchObject({ level, severity });
  });

  it('says what to do once somebody is to do it, and what is known of it always', () => {
    const facts = { todo: 'make another', remark: 'it is below root 2' };
    expect(at(1, facts).detail).toBe('ends 2026-04-11T00:00:00.000Z; it is below root 2');
    expect(at(80, facts).detail).toBe('ends 2026-04-11T00:00:00.000Z; it is below root 2; make another');
    expect(at(101, facts).detail).toBe('ended 2026-04-11T00:00:00.000Z; it is below root 2; make another');
    expect(at(-1, facts).detail).toContain('is the clock right?');
  });

  it('is told later where a successor comes by itself, yet is critical as early as any other', () => {
    const warnAt = begins + 99 * day;
    expect(at(80, { warnAt }).level).toBe('ok');
    expect(at(96, { warnAt })).toMatchObject({ level: 'warning', severity: 'critical' });
  });

  it('is told as soon as it cuts short what is signed with it', () => {
    expect(at(30, { neededMs: 80 * day })).toMatchObject({
      level: 'warning',
      detail: 'new certificates are cut short, because it ends 2026-04-11T00:00:00.000Z',
    });
  });

  it('is shown and raises nothing where nobody is concerned by it', () => {
    for (const days of [1, 99, 101]) expect(at(days, { isQuiet: true }).level).toBe('ok');
  });

  it('never becomes quieter as time passes, and is never critical before it is told', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.option(fc.integer({ min: -100, max: 10_100 })),
        fc.integer({ min: 0, max: 12_000 }),
        fc.array(fc.integer({ min: 0, max: 11_000 }), { maxLength: 20 }),
        (life, warn, needed, days) => {
          const endsAt = begins + life * day;
          const warnAt = warn === null ? null : begins + warn * day;
          const one = deadline({ endsAt, warnAt, neededMs: needed * day });
          const times = alertTimes(one);
          expect(times.warnAt).toBeLessThanOrEqual(times.criticalAt);
          const heard = days
            .toSorted((a, b) => a - b)
            .map((each) => judge(one, begins + each * day))
            .map(loudness);
          expect(heard).toEqual(heard.toSorted((a, b) => a - b));
        },
      ),
    );
  });

  it('is the first of its kind in a gauge', () => {
    const second = deadline({ subject: 'another', endsAt: begins + 50 * day });
    const quiet = deadline({ subject: 'a third', endsAt: begins, isQuiet: true });
    const root = deadline({ kind: 'root', subject: 'root' });
    expect([...firstOfEach([deadline(), second, quiet, root])]).toEqual([
      ['server', begins + 50 * day],
      ['root', begins + 100 * day],
    ]);
  });
});
