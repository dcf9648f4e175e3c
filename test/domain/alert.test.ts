import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Alert,
  type AlertEvent,
  acknowledge,
  alertKey,
  alertKinds,
  type Condition,
  clear,
  handOver,
  isFresh,
  isOver,
  marksLeft,
  observe,
  principalOf,
} from '../../src/domain/alert.ts';
import { day, noon, second } from './samples.ts';

const finding: Condition = {
  kind: 'expiry_approaching',
  subject: 'pump-7',
  severity: 'warning',
  detail: 'its certificate ends on 2027-02-01',
  owner: 'water',
};
const raised = observe(null, finding, noon).alert;

describe('an alert', () => {
  it('is raised once, and not told again while nothing changes', () => {
    expect(observe(null, finding, noon)).toMatchObject({ event: 'raised', alert: { raisedAt: noon, clearedAt: null } });
    const again = observe(raised, finding, noon + second);
    expect(again.event).toBeNull();
    expect(again.alert).toEqual({ ...raised, seenAt: noon + second });
  });

  it('of a step of a root is told again after a day where only fewer are left to wait for, and at once where it is another step', () => {
    const step = (detail: string): Condition => ({ ...finding, kind: 'trust_step', subject: 'root', detail });
    const waiting = (count: number): Condition => step(`not connected under root 2 yet: ${count}, listed by a command`);
    const { alert } = observe(null, waiting(70), noon);
    expect(observe(alert, waiting(69), noon + day - 1).event).toBeNull();
    expect(observe(alert, waiting(69), noon + day)).toMatchObject({ event: 'updated', alert: waiting(69) });
    expect(observe(alert, step('root 1 is to be retired'), noon + 1).event).toBe('updated');
    expect(observe(alert, { ...waiting(69), severity: 'critical' }, noon + 1).event).not.toBeNull();
  });

  it('is told again when it changes, and once it has become worse nobody has taken it on', () => {
    const taken = acknowledge(raised, 'ana', noon + second).alert;
    const worded = observe(taken, { ...finding, detail: 'another day' }, noon + 2 * second);
    expect(worded).toMatchObject({ event: 'updated', alert: { acknowledgedBy: 'ana', updatedAt: noon + 2 * second } });
    const worse = observe(taken, { ...finding, severity: 'critical' }, noon + 2 * second);
    expect(worse).toMatchObject({ event: 'updated', alert: { acknowledgedBy: null, acknowledgedAt: null } });
  });

  it("is told again at most hourly where it has a device's own words, which may be others at each attempt", () => {
    const said = (detail: string): Condition => ({ ...finding, kind: 'renewal_failed', detail });
    let { alert } = observe(null, said('full'), noon);
    let told = 0;
    for (let i = 1; i <= 240; i += 1) {
      const step = observe(alert, said(`full ${i}`), noon + i * 60 * second);
      alert = step.alert;
      if (step.event !== null) told += 1;
    }
    expect(told).toBe(4);
    expect(alert.detail).toBe('full 240');
  });

  it('is acknowledged once by each, and never after it was cleared', () => {
    const taken = acknowledge(raised, 'ana', noon + second);
    expect(taken).toMatchObject({ event: 'acknowledged', alert: { acknowledgedAt: noon + second } });
    expect(acknowledge(taken.alert, 'ana', noon + 2 * second)).toEqual({ alert: taken.alert, event: null });
    // The next shift takes it over.
    const over = { acknowledgedAt: noon + 2 * second, acknowledgedBy: 'bo' };
    expect(acknowledge(taken.alert, 'bo', noon + 2 * second)).toMatchObject({ event: 'acknowledged', alert: over });
    const cleared = clear(raised, noon + second).alert;
    expect(acknowledge(cleared, 'bo', noon + 2 * second)).toEqual({ alert: cleared, event: null });
  });

  it('is cleared once, and raised anew when it is so again', () => {
    const cleared = clear(raised, noon + second);
    expect(cleared).toMatchObject({ event: 'cleared', alert: { clearedAt: noon + second } });
    expect(clear(cleared.alert, noon + day)).toEqual({ alert: cleared.alert, event: null });
    expect(observe(cleared.alert, finding, noon + day)).toMatchObject({
      event: 'raised',
      alert: { raisedAt: noon + day, clearedAt: null },
    });
  });

  it('that tells of an event is over once the event did not come again', () => {
    const clone = observe(null, { ...finding, kind: 'retired_credential_in_use' }, noon).alert;
    expect(isOver(clone, noon + day - 1)).toBe(false);
    expect(isOver(clone, noon + day)).toBe(true);
    expect(isOver(observe(clone, clone, noon + second).alert, noon + day)).toBe(false);
    expect(isOver(raised, noon + 1_000 * day)).toBe(false);
  });

  it('that tells of an event stands as it was raised, wherever the event comes from next, unless it is worse', () => {
    const knock = observe(null, { ...finding, kind: 'unknown_identity', detail: 'from here' }, noon).alert;
    const again = observe(knock, { ...knock, detail: 'from there' }, noon + second);
    expect(again).toEqual({ alert: { ...knock, seenAt: noon + second }, event: null });
    const worse = observe(knock, { ...knock, detail: 'from there', severity: 'critical' }, noon + second);
    expect(worse).toMatchObject({ event: 'updated', alert: { detail: 'from there', severity: 'critical' } });
  });

  it('is handed over at once to another owner of its subject, and leaves the marks it had', () => {
    const step = handOver(raised, 'anna', noon + second);
    expect(step).toMatchObject({ event: 'updated', alert: { owner: 'anna', updatedAt: noon + second } });
    expect(marksLeft(raised, step)).toEqual({ severity: 'warning', owner: 'water' });
    expect(handOver(step.alert, 'anna', noon + 2 * second).event).toBeNull();
    expect(handOver(clear(raised, noon).alert, 'anna', noon + second).event).toBeNull();
    const worded = observe(raised, { ...finding, detail: 'another' }, noon + second);
    expect(marksLeft(raised, worded)).toBeNull();
    expect(marksLeft(null, observe(null, finding, noon))).toBeNull();
  });

  it.each(['unknown_identity', 'retired_credential_in_use', 'renewal_failed'] as const)(
    "of the kind %s, whose words stand for a while, is its new owner's all the same when it comes again",
    (kind) => {
      const known = observe(null, { ...finding, kind, detail: 'from here' }, noon).alert;
      const step = observe(known, { ...finding, kind, detail: 'from there', owner: 'anna' }, noon + second);
      expect(step).toMatchObject({ event: 'updated', alert: { owner: 'anna', detail: 'from here' } });
    },
  );

  it('that has an address has another an hour later at the earliest', () => {
    const known = observe(null, { ...finding, kind: 'retired_credential_in_use', detail: 'from here' }, noon).alert;
    const again = (ms: number) => observe(known, { ...known, detail: 'from there' }, noon + ms);
    expect(again(3_599 * second)).toMatchObject({ event: null, alert: { detail: 'from here' } });
    expect(again(3_600 * second)).toMatchObject({ event: 'updated', alert: { detail: 'from there' } });
  });

  it('names the principal it is about, where it is certain to be one', () => {
    expect(principalOf(raised)).toBe('pump-7');
    expect(principalOf({ kind: 'unknown_identity', subject: 'pump-7' })).toBeNull();
    expect(principalOf({ kind: 'source_failed', subject: 'plant' })).toBeNull();
  });

  it('is fresh for a minute after it was seen, and not once it is cleared', () => {
    expect(isFresh(raised, noon + 60 * second - 1)).toBe(true);
    expect(isFresh(raised, noon + 60 * second)).toBe(false);
    expect(isFresh(raised, noon - day)).toBe(false);
    expect(isFresh(clear(raised, noon).alert, noon)).toBe(false);
  });

  it('goes by its kind and subject', () => {
    expect(alertKey(raised)).toBe('expiry_approaching/pump-7');
  });

  it('tells every life as raised, then changes, then cleared, in turn', () => {
    const findings = fc.record({
      kind: fc.constantFrom(...(Object.keys(alertKinds) as (keyof typeof alertKinds)[])),
      subject: fc.constant('pump-7'),
      severity: fc.constantFrom('warning' as const, 'critical' as const),
      detail: fc.constantFrom('a', 'b'),
      owner: fc.constant(null),
    });
    const act = fc.oneof(
      findings.map((each) => ({ act: 'find' as const, each })),
      fc.constant({ act: 'clear' as const }),
      fc.constant({ act: 'acknowledge' as const }),
    );
    fc.assert(
      fc.property(fc.array(act, { maxLength: 30 }), (acts) => {
        let alert: Alert | null = null;
        const told: AlertEvent[] = [];
        for (const [i, each] of acts.entries()) {
          const now = noon + i;
          if (each.act !== 'find' && !alert) continue;
          const step: { alert: Alert; event: AlertEvent | null } =
            each.act === 'find'
              ? observe(alert, each.each, now)
              : each.act === 'clear'
                ? clear(alert as Alert, now)
                : acknowledge(alert as Alert, 'ana', now);
          alert = step.alert;
          if (step.event) told.push(step.event);
        }
        for (const [i, event] of told.entries()) {
          const before = told[i - 1];
          expect(event === 'raised').toBe(before === undefined || before === 'cleared');
        }
      }),
    );
  });
});
