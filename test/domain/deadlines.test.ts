import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { activateBy, type Comings, expiryAlerts, overdueAt } from '../../src/domain/deadlines.ts';
import { watch } from '../../src/domain/watch.ts';
import { day, entry, noon, policy, principal, renewal } from './samples.ts';

describe('the warning and the alarm of an end', () => {
  const life = fc.integer({ min: 1, max: 3_650 * day });
  const begins = fc.option(fc.integer({ min: -100 * day, max: 3_700 * day }));

  it('come in this order, never before the replacement begins, and after shares of the life the certificate itself has', () => {
    fc.assert(
      fc.property(life, begins, (lifeMs, begin) => {
        const certificate = entry({ notBefore: noon, notAfter: noon + lifeMs, issuedAt: noon });
        const beginsAt = begin === null ? null : noon + begin;
        const { warnAt, alarmAt } = expiryAlerts(certificate, beginsAt, policy);
        expect(alarmAt).toBeGreaterThanOrEqual(warnAt);
        expect(warnAt).toBeGreaterThanOrEqual(beginsAt ?? noon);
        if (beginsAt === null || beginsAt < noon) expect(noon + lifeMs - warnAt).toBeCloseTo(lifeMs * 0.2, -2);
      }),
    );
  });

  it('are when the alert is raised, and when it becomes critical', () => {
    fc.assert(
      fc.property(life, begins, fc.boolean(), (lifeMs, begin, isOpen) => {
        const beginsAt = begin === null ? null : noon + begin;
        const certificate = entry({ notBefore: noon, notAfter: noon + lifeMs, renewAt: isOpen ? null : beginsAt });
        const renewals =
          isOpen && beginsAt !== null
            ? [{ ...renewal({ createdAt: beginsAt, oldFingerprint: certificate.fingerprint }), awaitedFrom: beginsAt }]
            : [];
        const comings = { gaps: { plannedMs: 0, longestMs: 0 }, isHere: false, cameAt: null };
        const severityAt = (now: number) =>
          watch({
            principal: principal(),
            certificates: [certificate],
            renewals,
            ...comings,
            policy,
            now,
          }).conditions.get('expiry_approaching')?.severity;
        const { warnAt, alarmAt } = expiryAlerts(certificate, beginsAt, policy);
        expect(severityAt(warnAt - 1)).toBeUndefined();
        // Once the certificate has ended it is dark, which is another alert's.
        const isBefore = (at: number) => at < certificate.notAfter;
        if (warnAt < alarmAt && isBefore(warnAt)) expect(severityAt(warnAt)).toBe('warning');
        expect(severityAt(alarmAt)).toBe(isBefore(alarmAt) ? 'critical' : undefined);
        if (renewals.length > 0) {
          const late = overdueAt(renewals[0]?.createdAt ?? 0, comings.gaps, policy, null);
          const isOverdue = (now: number) =>
            watch({ principal: principal(), certificates: [], renewals, ...comings, policy, now }).conditions.has(
              'renewal_overdue',
            );
          expect([isOverdue(late - 1), isOverdue(late)]).toEqual([false, true]);
        }
      }),
    );
  });
});

describe('the time in which a replacement must be used', () => {
  const gaps = { plannedMs: 30 * day, longestMs: 60 * day };

  const by = (comings: Partial<Comings>, daysLeft = 90) =>
    (activateBy(
      { installedAt: noon, oldEndsAt: noon + daysLeft * day },
      { gaps, isHere: false, cameAt: noon - 60_000, ...comings },
      policy,
    ) -
      noon) /
    day;

  it('is that of the policy, or the sleep planned with, and ends with it', () => {
    expect(by({})).toBe(30);
    // Its last visit is the one in which it installed, also where it is noted a moment later.
    expect(by({ cameAt: noon + 1_000 })).toBe(30);
    expect(by({ cameAt: noon + day })).toBe(1.8);
    expect(by({ isHere: true })).toBe(1.8);
    expect(by({ gaps: { plannedMs: 60_000, longestMs: 60 * day } })).toBe(1.8);
  });

  it('leaves half of what the old certificate has for whoever is alerted', () => {
    expect(by({}, 40)).toBe(20);
    expect(by({}, 1)).toBe(1.8);
    expect(by({}, -5)).toBe(1.8);
  });

  it('is whole, as the ledger keeps it, whatever the gaps are', () => {
    const uneven = { plannedMs: 2_000_000_000.3, longestMs: 2_000_000_000.7 };
    expect(overdueAt(noon, uneven, policy, null) % 1).toBe(0);
    expect(
      activateBy(
        { installedAt: noon, oldEndsAt: noon + 90 * day },
        { gaps: uneven, isHere: false, cameAt: null },
        policy,
      ) % 1,
    ).toBe(0);
  });
});
