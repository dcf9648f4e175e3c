import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Serial } from '../../src/domain/certificate.ts';
import { overlapEnd, type Policy, renewalTime, retryDelayMs, spanFor, validityAt } from '../../src/domain/policy.ts';
import { cohorts } from '../../src/domain/principal.ts';
import { formatDuration, parseDuration, parseSpan, type Span } from '../../src/domain/time.ts';
import { day, entry, idOf, noon, policy } from './samples.ts';

const span: fc.Arbitrary<Span> = fc.oneof(
  fc.record({ kind: fc.constant('duration' as const), ms: fc.integer({ min: 0, max: 400 * day }) }),
  fc.record({ kind: fc.constant('share' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
);
const policies: fc.Arbitrary<Policy> = fc.record({
  lifetimeMs: fc.integer({ min: 5_000, max: 3_650 * day }),
  renewAt: span,
  spread: span,
  overlap: span,
  grace: span,
  retryFirst: span,
  retryMax: span,
  backdate: span,
  keyModes: fc.constant(['csr'] as const),
  keyAgeMaxMs: fc.constant(1_000),
  requireDeviceProof: fc.boolean(),
  activateWithin: fc.constant({ kind: 'share' as const, share: 0.02 }),
  expiryWarning: span,
  expiryAlarm: span,
  overdueAfter: span,
  requestsMax: fc.integer({ min: 1, max: 10 }),
});

describe('policy', () => {
  it.each([
    ['of the lifetime that the policy gives', 90, '0a1b', 9],
    ['issued here for a third of that', 30, '0a1b', 3],
    ['issued here for four times as long', 360, '0a1b', 36],
    ['adopted, whatever its life', 30, '0a1b@ca', 9],
  ])('finds nine days of a certificate %s', (_, days, serial, expected) => {
    const own = { ...policy, backdate: { kind: 'duration', ms: 0 } } as const;
    const dated = entry({ notBefore: noon, notAfter: noon + days * day, issuedAt: noon, serial: serial as Serial });
    expect(spanFor({ kind: 'duration', ms: 9 * day }, dated, own)).toBe(expected * day);
    expect(spanFor({ kind: 'share', share: 0.1 }, dated, own)).toBe((days / 10) * day);
  });

  it('reads durations and shares', () => {
    expect(parseDuration('90s')).toBe(90_000);
    expect(parseDuration('1.5h')).toBe(5_400_000);
    expect(parseSpan('66%')).toEqual({ kind: 'share', share: 0.66 });
    expect(parseSpan('7d')).toEqual({ kind: 'duration', ms: 7 * day });
    for (const bad of ['', '7', '-1d', '101%', '1e3s', '7 d', '200y', 'd']) expect(parseSpan(bad)).toBeNull();
    expect(formatDuration(90_061_000)).toBe('1d 1h');
  });

  it('a renewal time always lies inside validity and never moves', () => {
    fc.assert(
      fc.property(
        policies,
        fc.integer({ min: 0, max: 3_650 * day }),
        fc.string({ maxLength: 20 }),
        fc.constantFrom(...cohorts),
        (rules, life, serial, cohort) => {
          const certificate = { notBefore: noon, notAfter: noon + life, serial: serial as Serial, issuedAt: noon };
          const at = renewalTime(certificate, idOf('pump-7'), cohort, rules);
          expect(at).toBeGreaterThanOrEqual(noon);
          expect(at).toBeLessThanOrEqual(noon + life);
          expect(renewalTime(certificate, idOf('pump-7'), cohort, rules)).toBe(at);
        },
      ),
    );
  });

  it('has a canary due no later than one of the early cohort, and that no later than one of the broad', () => {
    const life = fc.integer({ min: 0, max: 3_650 * day });
    fc.assert(
      fc.property(policies, life, fc.string({ maxLength: 20 }), (rules, lifeMs, serial) => {
        const certificate = { notBefore: noon, notAfter: noon + lifeMs, serial: serial as Serial, issuedAt: noon };
        const [canary = 0, early = 0, broad = 0] = cohorts.map((cohort) =>
          renewalTime(certificate, idOf('pump-7'), cohort, rules),
        );
        expect(canary).toBeLessThanOrEqual(early);
        expect(early).toBeLessThanOrEqual(broad);
      }),
    );
  });

  it.each([
    ['canary', 64, 0.4],
    ['early', 64.4, 0.4],
    ['broad', 64.8, 1.2],
  ] as const)('spreads the %s cohort over the whole of its part, from day %d on', (cohort, earliestDay, partDays) => {
    const times = Array.from({ length: 1_000 }, (_, i) => {
      const certificate = { notBefore: noon, notAfter: noon + 100 * day, serial: `${i}` as Serial, issuedAt: noon };
      return renewalTime(certificate, idOf(`d${i}`), cohort, policy);
    });
    const quarters = [0, 0, 0, 0];
    for (const time of times) {
      const at = (time - noon - earliestDay * day) / (partDays * day);
      expect(at).toBeGreaterThanOrEqual(-1e-6);
      expect(at).toBeLessThanOrEqual(1 + 1e-6);
      const quarter = Math.min(3, Math.max(0, Math.floor(at * 4)));
      quarters[quarter] = (quarters[quarter] ?? 0) + 1;
    }
    for (const count of quarters) expect(count).toBeGreaterThan(150);
  });

  it('never issues past the issuer, in whole seconds, and nothing that is over at once or gains nothing by it', () => {
    const left = fc.integer({ min: -day, max: 4_000 * day });
    fc.assert(
      fc.property(policies, left, fc.option(left), (rules, issuerLeft, oldLeft) => {
        const now = noon + 123;
        const replaced = oldLeft === null ? null : { notAfter: noon + oldLeft };
        const validity = validityAt(now, rules, noon + issuerLeft, replaced);
        const end = Math.floor(Math.min(now + rules.lifetimeMs, noon + issuerLeft) / 1_000) * 1_000;
        const isCutShort = noon + issuerLeft < now + rules.lifetimeMs;
        if (isCutShort && (end <= now || (replaced && end <= replaced.notAfter))) {
          expect(validity).toBeNull();
          return;
        }
        expect(validity?.notAfter).toBe(end);
        expect(end).toBeGreaterThan(now);
        expect((validity?.notBefore ?? 1) % 1_000).toBe(0);
        expect(validity?.notBefore).toBeLessThanOrEqual(now);
      }),
    );
    // A shorter life by a new policy is a gain of its own.
    const shorter = validityAt(noon, { ...policy, lifetimeMs: day }, noon + 900 * day, { notAfter: noon + 80 * day });
    expect(shorter?.notAfter).toBe(noon + day);
  });

  it('never lets an overlap outlive its certificate', () => {
    expect(overlapEnd({ notAfter: noon + day }, noon, policy)).toBe(noon + day);
    expect(overlapEnd({ notAfter: noon + 30 * day }, noon, policy)).toBe(noon + 7 * day);
  });

  it('backs off from first to max, never under a second', () => {
    expect([1, 2, 3, 20].map((attempt) => retryDelayMs(policy, attempt))).toEqual([
      60_000, 120_000, 240_000, 3_600_000,
    ]);
    fc.assert(
      fc.property(policies, fc.integer({ min: 0, max: 100 }), (rules, attempt) => {
        const delay = retryDelayMs(rules, attempt);
        expect(delay).toBeGreaterThanOrEqual(1_000);
        expect(delay).toBeLessThanOrEqual(retryDelayMs(rules, attempt + 1));
        expect(Number.isFinite(delay)).toBe(true);
      }),
    );
  });
});
