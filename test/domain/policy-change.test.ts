// Certificates that were issued under one policy and are judged by another, over pairs of policies that the configuration accepts.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolvePolicies } from '../../src/config/policies.ts';
import { foreignSerial, type LedgerEntry, type Serial } from '../../src/domain/certificate.ts';
import { expiryAlerts, overdueAt } from '../../src/domain/deadlines.ts';
import { type Policy, renewalTime, validityAt } from '../../src/domain/policy.ts';
import { dueByGaps } from '../../src/domain/presence.ts';
import { cohorts } from '../../src/domain/principal.ts';
import { advance, type Renewal } from '../../src/domain/renewal.ts';
import { type Span, spanMs } from '../../src/domain/time.ts';
import { day, entry, fingerprintA, idOf, noon, policy, renewal } from './samples.ts';

const year = 365 * day;
const id = idOf('pump-7');
const nothingReadable = { classes: new Set<string>(), criticalities: new Set<string>() };

/** A duration as the configuration has it. */
const written = (ms: number): string => (ms < 1e10 ? `${ms}ms` : `${Math.floor(ms / 1_000)}s`);

/** A duration or a share, each as the configuration has it written, between two shares of the lifetime. */
const spanBetween = (lifetimeMs: number, from: number, to: number): fc.Arbitrary<string> =>
  fc
    .tuple(fc.boolean(), fc.double({ min: from, max: to, noNaN: true }))
    .map(([isShare, at]) => (isShare ? `${(at * 100).toFixed(4)}%` : written(Math.floor(at * lifetimeMs))));

const lifetimes = fc.oneof(
  fc.constantFrom(5_000, 120_000, day, 30 * day, 90 * day, year, 10 * year, 100 * year),
  fc.integer({ min: 5_000, max: 100 * year }),
);

/** Only what the configuration accepts; durations from nothing to the whole lifetime. */
const policies: fc.Arbitrary<Policy> = lifetimes
  .chain((ms) =>
    fc.record({
      lifetime: fc.constant(written(ms)),
      renewAt: spanBetween(ms, 0.02, 0.99999),
      spread: fc.oneof(fc.constant('0%'), spanBetween(ms, 0, 0.5)),
      backdate: fc.oneof(fc.constant('0s'), spanBetween(ms, 0, 0.05), spanBetween(ms, 0, 1)),
      expiryWarning: spanBetween(ms, 0, 1),
      expiryAlarm: spanBetween(ms, 0, 0.5),
      overdueAfter: spanBetween(ms, 0, 1),
      retryFirst: spanBetween(ms, 0, 0.05),
      retryMax: spanBetween(ms, 0.05, 1),
    }),
  )
  .map((raw) => resolvePolicies({ default: raw }, {}, nothingReadable))
  .filter(({ faults }) => faults.length === 0)
  .map(({ policies: set }) => {
    const settled = set.get('default');
    if (!settled) throw new Error('there is no default');
    return settled.medium.policy;
  });

/** How long the issuing CA has: mostly long enough, and else it cuts the certificate short. */
const issuerLeft = fc.oneof(fc.constant(200 * year), fc.integer({ min: 2_000, max: year }));

function issuedUnder(first: Policy, issuerLeftMs: number, lateMs: number): LedgerEntry | null {
  const now = noon + 123;
  const validity = validityAt(now, first, now + issuerLeftMs, null);
  return validity && entry({ ...validity, issuedAt: now + lateMs, serial: '0a1b' as Serial });
}

const gapLengths = fc.tuple(fc.integer({ min: 0, max: 2 * year }), fc.integer({ min: 0, max: 4 * year }));
/** How long the authority took to sign, once the dates were settled. */
const late = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 400 * day }));

interface Dates {
  readonly due: number;
  readonly byPolicy: number;
  readonly warnAt: number;
  readonly alarmAt: number;
}

function datesOf(certificate: LedgerEntry, rules: Policy, gaps: readonly [number, number]): Dates {
  const byPolicy = renewalTime(certificate, id, 'broad', rules);
  const due = dueByGaps(certificate, byPolicy, { plannedMs: gaps[0], longestMs: gaps[1] });
  return { due, byPolicy, ...expiryAlerts(certificate, due, rules) };
}

function expectOrder(certificate: LedgerEntry, { due, byPolicy, warnAt, alarmAt }: Dates): void {
  const { notAfter } = certificate;
  expect(due).toBeLessThanOrEqual(byPolicy);
  expect(warnAt).toBeGreaterThanOrEqual(due);
  expect(alarmAt).toBeGreaterThanOrEqual(warnAt);
  expect(notAfter).toBeGreaterThanOrEqual(alarmAt);
  // Time left: a hundredth of its life and a second, or half of a life that is not two seconds long.
  const lifeMs = notAfter - Math.min(notAfter, Math.max(certificate.issuedAt, certificate.notBefore));
  expect(notAfter - byPolicy).toBeGreaterThanOrEqual(Math.min(lifeMs / 2, Math.max(lifeMs / 100, 1_000)));
}

const isAbove = (span: Span): boolean => (span.kind === 'share' ? span.share > 0.01 : span.ms > 0);

describe('a certificate issued under one policy and judged by another', () => {
  it('is due, warned of and alarmed of in this order, with time left to renew', () => {
    fc.assert(
      fc.property(policies, policies, issuerLeft, late, gapLengths, (first, second, issuerMs, lateMs, gaps) => {
        const certificate = issuedUnder(first, issuerMs, lateMs);
        if (!certificate) return;
        expectOrder(certificate, datesOf(certificate, second, gaps));
      }),
      { numRuns: 500 },
    );
  });

  it('is due after the same share of its own life, however long the policy means a certificate to live', () => {
    fc.assert(
      fc.property(policies, policies, issuerLeft, (first, second, issuerMs) => {
        const certificate = issuedUnder(first, issuerMs, 0);
        const { renewAt, lifetimeMs } = second;
        if (!certificate || renewAt.kind === 'share') return;
        const lifeMs = certificate.notAfter - certificate.issuedAt;
        const share = (renewAt.ms - spanMs(second.backdate, lifetimeMs)) / lifetimeMs;
        const none = { ...second, spread: { kind: 'duration', ms: 0 } } as const;
        const at = renewalTime(certificate, id, 'broad', none) - certificate.issuedAt;
        // Both ends of a validity are whole seconds; the last hundredth is always left.
        expect(at).toBeLessThanOrEqual(share * lifeMs + 2_001);
        if (share < 0.99 && lifeMs > 200_000) expect(at).toBeGreaterThanOrEqual(share * lifeMs - 2_001);
      }),
    );
  });

  it('is warned of before its end wherever the policy warns at all, and is overdue no later than its share', () => {
    fc.assert(
      fc.property(policies, policies, issuerLeft, (first, second, issuerMs) => {
        const certificate = issuedUnder(first, issuerMs, 0);
        if (!certificate) return;
        const { due, warnAt, alarmAt } = datesOf(certificate, second, [0, 0]);
        const lifeMs = certificate.notAfter - certificate.issuedAt;
        const lasts = lifeMs > second.lifetimeMs / 1_000 && lifeMs > 200_000;
        if (lasts && isAbove(second.expiryWarning) && spanMs(second.expiryWarning, second.lifetimeMs) > 1_000)
          expect(warnAt).toBeLessThan(certificate.notAfter);
        if (lasts && isAbove(second.expiryAlarm) && spanMs(second.expiryAlarm, second.lifetimeMs) > 1_000)
          expect(alarmAt).toBeLessThan(certificate.notAfter);
        const patienceMs = overdueAt(due, { longestMs: 0 }, second, certificate) - due;
        const most = Math.min(1, lifeMs / second.lifetimeMs) * spanMs(second.overdueAfter, second.lifetimeMs);
        expect(patienceMs).toBeLessThanOrEqual(most + 2_001);
      }),
    );
  });

  it('is offered its replacement several times before its end, whatever the pauses of the new policy are', () => {
    fc.assert(
      fc.property(policies, policies, (first, second) => {
        const certificate = issuedUnder(first, 200 * year, 0);
        if (!certificate) return;
        const due = renewalTime(certificate, id, 'broad', second);
        if (certificate.notAfter - due < 20_000) return;
        let open: Renewal = renewal({ createdAt: due, deadline: certificate.notAfter, closesAt: certificate.notAfter });
        let offers = 0;
        for (let at = due; at < certificate.notAfter && offers < 10; offers += 1) {
          const step = advance(open, { type: 'offered' }, second, at);
          if (step.kind !== 'changed') throw new Error('it was not offered');
          open = step.renewal;
          at = open.nextAt ?? certificate.notAfter;
        }
        expect(offers).toBe(10);
      }),
    );
  });

  it('never has a canary due after others', () => {
    fc.assert(
      fc.property(policies, policies, issuerLeft, (first, second, issuerMs) => {
        const certificate = issuedUnder(first, issuerMs, 0);
        if (!certificate) return;
        const times = cohorts.map((cohort) => renewalTime(certificate, id, cohort, second));
        expect(times).toEqual([...times].sort((a, b) => a - b));
      }),
    );
  });

  it.each<[string, Partial<Policy>, number]>([
    ['90 days under a policy of a year', { lifetimeMs: year, renewAt: { kind: 'duration', ms: 180 * day } }, 44.38],
    ['90 days under a policy of a day', { lifetimeMs: day, renewAt: { kind: 'duration', ms: day / 2 } }, 45],
    ['90 days under its own', { renewAt: { kind: 'duration', ms: 60 * day } }, 60],
    ['90 days under a share of another', { lifetimeMs: year, renewAt: { kind: 'share', share: 0.5 } }, 45],
  ])('has %s due on day %s', (_what, patch, expected) => {
    const nothing = { kind: 'duration', ms: 0 } as const;
    const rules = { ...policy, backdate: nothing, spread: nothing };
    const certificate = issuedUnder(rules, 200 * year, 0);
    if (!certificate) throw new Error('it was not issued');
    const at = renewalTime(certificate, id, 'broad', { ...rules, ...patch });
    expect((at - certificate.notBefore) / day).toBeCloseTo(expected, 1);
  });
});

describe('an adopted certificate', () => {
  const adopted = (lifeMs: number): LedgerEntry =>
    entry({
      notBefore: noon,
      notAfter: noon + lifeMs,
      issuedAt: noon,
      serial: foreignSerial('0a1b' as Serial, fingerprintA),
    });

  it('keeps an absolute renewAt as it is written, as long as that leaves a tenth of its life', () => {
    const rules: Policy = {
      ...policy,
      renewAt: { kind: 'duration', ms: 60 * day },
      spread: { kind: 'duration', ms: 0 },
    };
    const dueOn = (days: number): number => (renewalTime(adopted(days * day), id, 'broad', rules) - noon) / day;
    expect(dueOn(3_650)).toBe(60);
    expect(dueOn(80)).toBe(60);
    expect(dueOn(61)).toBeCloseTo(54.9, 6);
    expect(dueOn(20)).toBe(18);
  });

  it('is due, warned of and alarmed of in this order, with time left to renew, whatever its life and the policy', () => {
    fc.assert(
      fc.property(policies, fc.integer({ min: 0, max: 100 * year }), gapLengths, (rules, lifeMs, gaps) => {
        const certificate = adopted(lifeMs);
        expectOrder(certificate, datesOf(certificate, rules, gaps));
      }),
    );
  });
});
