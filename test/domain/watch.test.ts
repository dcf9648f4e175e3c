import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alertKinds } from '../../src/domain/alert.ts';
import type { LedgerEntry } from '../../src/domain/certificate.ts';
import { graceMs } from '../../src/domain/policy.ts';
import type { Gaps } from '../../src/domain/presence.ts';
import type { Principal } from '../../src/domain/principal.ts';
import { renewalStates } from '../../src/domain/renewal.ts';
import {
  failureIsOver,
  renewalFailed,
  type WatchedRenewal,
  type WatchFacts,
  watch,
  watchedKinds,
} from '../../src/domain/watch.ts';
import { day, entry, noon as now, policy, principal, renewal } from './samples.ts';

interface Patch {
  readonly principal?: Partial<Principal>;
  readonly certificates?: readonly Partial<LedgerEntry>[];
  readonly renewals?: readonly Partial<WatchedRenewal>[];
  readonly gaps?: Partial<Gaps>;
  readonly isHere?: boolean;
  readonly cameAt?: number | null;
  readonly now?: number;
}

// A certificate of a hundred days, due at two thirds of its life: warned of with 20 days left, alarmed of with 5.
const certificate = { notBefore: now - 70 * day, notAfter: now + 30 * day, renewAt: null };

const facts = (patch: Patch): WatchFacts => ({
  principal: principal(patch.principal),
  certificates: (patch.certificates ?? [certificate]).map((each) => entry(each)),
  renewals: (patch.renewals ?? []).map((each) => {
    const whole = renewal(each);
    return { ...whole, awaitedFrom: each.awaitedFrom ?? whole.createdAt };
  }),
  gaps: { plannedMs: 0, longestMs: 0, ...patch.gaps },
  isHere: patch.isHere ?? false,
  cameAt: patch.cameAt ?? null,
  policy,
  now: patch.now ?? now,
});
const told = (patch: Patch) =>
  [...watch(facts(patch)).conditions.values()].map(({ kind, severity }) => [kind, severity]);
const nextAt = (patch: Patch) => watch(facts(patch)).nextAt;

describe('a look at a principal', () => {
  it.each<[string, Patch, [string, string][], number | null]>([
    ['is quiet while the certificate is young', {}, [], now + 10 * day],
    ['warns when its end comes near', { now: now + 10 * day }, [['expiry_approaching', 'warning']], now + 25 * day],
    ['alarms when it is nearer', { now: now + 25 * day }, [['expiry_approaching', 'critical']], now + 30 * day],
    [
      'waits until the replacement is due',
      { certificates: [{ ...certificate, renewAt: now + 12 * day }], now: now + 11 * day },
      [],
      now + 12 * day,
    ],
    [
      'alarms at once where the replacement is due that late',
      { certificates: [{ ...certificate, renewAt: now + 28 * day }], now: now + 28 * day },
      [['expiry_approaching', 'critical']],
      now + 30 * day,
    ],
    [
      'waits for a device that was held back from when it is not any more',
      { certificates: [], renewals: [{ createdAt: now - 50 * day, awaitedFrom: now - 8 * day }] },
      [],
      now + day,
    ],
    [
      'looks at the certificate in use alone',
      {
        certificates: [
          { state: 'superseded', notBefore: now - 80 * day, notAfter: now + day },
          { state: 'active', notBefore: now, notAfter: now + 100 * day, renewAt: now + 66 * day },
          { state: 'issued', notBefore: now, notAfter: now + day, activatedAt: null },
        ],
      },
      [],
      now + 80 * day,
    ],
    ['gives a renewal its time', { certificates: [], renewals: [{ createdAt: now }] }, [], now + 9 * day],
    [
      'tells of one that takes longer',
      { certificates: [], renewals: [{ createdAt: now - 9 * day, state: 'offered' }] },
      [['renewal_overdue', 'warning']],
      null,
    ],
    [
      'lets a device stay away for as long as it has before',
      { certificates: [], renewals: [{ createdAt: now - 9 * day }], gaps: { longestMs: 40 * day } },
      [],
      now + 31 * day,
    ],
    [
      'does not tell of a renewal that is done',
      { certificates: [], renewals: [{ createdAt: now - 50 * day, state: 'activated' }] },
      [],
      null,
    ],
    [
      'gives an installed replacement its time',
      { certificates: [], renewals: [{ state: 'installed', updatedAt: now }] },
      [],
      now + 1.8 * day,
    ],
    [
      'tells of one that was not seen since',
      { certificates: [], renewals: [{ state: 'installed', updatedAt: now - 1.8 * day }] },
      [['installed_not_activated', 'warning']],
      now + 9 * day,
    ],
    [
      'lets a device sleep on it for the gap planned with',
      {
        certificates: [],
        renewals: [{ state: 'installed', updatedAt: now - 1.8 * day, deadline: now + 30 * day }],
        gaps: { plannedMs: 7 * day },
      },
      [],
      now + 5.2 * day,
    ],
    [
      'tells of one that slept for longer than that, whatever its longest gap was',
      {
        certificates: [],
        renewals: [{ state: 'installed', createdAt: now, updatedAt: now - 7 * day }],
        gaps: { plannedMs: 7 * day, longestMs: 40 * day },
        cameAt: now - 7 * day,
      },
      [['installed_not_activated', 'warning']],
      now + 40 * day,
    ],
    [
      'gives no sleep to one that is here',
      {
        certificates: [],
        renewals: [{ state: 'installed', createdAt: now, updatedAt: now - 1.8 * day }],
        gaps: { plannedMs: 7 * day },
        isHere: true,
      },
      [['installed_not_activated', 'warning']],
      now + 9 * day,
    ],
    [
      'nor to one that came since',
      {
        certificates: [],
        renewals: [{ state: 'installed', createdAt: now, updatedAt: now - 1.8 * day }],
        gaps: { plannedMs: 7 * day },
        cameAt: now - day,
      },
      [['installed_not_activated', 'warning']],
      now + 9 * day,
    ],
    [
      'does so at once when the old one has ended',
      { certificates: [], renewals: [{ state: 'installed', updatedAt: now, lapsedAt: now }] },
      [['installed_not_activated', 'critical']],
      null,
    ],
    [
      'tells of a lapse, and looks again when grace ends',
      { certificates: [{ state: 'expired', notAfter: now - day }] },
      [['lapsed', 'critical']],
      now + 29 * day,
    ],
    [
      'tells of a lapse for as long as nothing else is in use',
      {
        certificates: [
          { state: 'expired', notAfter: now - 30 * day },
          { state: 'issued', activatedAt: null },
        ],
      },
      [['lapsed', 'critical']],
      null,
    ],
    [
      'takes a certificate that ended before it was ever used for a lapse too',
      { certificates: [{ state: 'expired', activatedAt: null, notAfter: now - day }] },
      [['lapsed', 'critical']],
      now + 29 * day,
    ],
    [
      'tells of a lapse at the very end, before the ledger has noted it',
      { certificates: [{ ...certificate, notAfter: now }] },
      [['lapsed', 'critical']],
      now + 30 * day,
    ],
    [
      'tells of a lapse when what let it in was revoked, and no grace helps',
      { certificates: [{ state: 'revoked', notAfter: now + 30 * day, revokedAt: now - day }] },
      [['lapsed', 'critical']],
      null,
    ],
    [
      'waits for the end of the overlap where nothing else lets it in',
      {
        certificates: [
          { state: 'superseded', notAfter: now + 30 * day, overlapUntil: now + day },
          { state: 'revoked', notAfter: now + 90 * day, revokedAt: now },
        ],
      },
      [],
      now + day,
    ],
    [
      'waits for the end of a first certificate that was not used yet',
      { certificates: [{ state: 'issued', activatedAt: null, notAfter: now + 2 * day }] },
      [],
      now + 2 * day,
    ],
    [
      'tells of an owner there is not',
      { principal: { owner: ' ' }, certificates: [] },
      [['no_owner', 'warning']],
      null,
    ],
  ])('%s', (_, patch, conditions, at) => {
    expect(told(patch)).toEqual(conditions);
    expect(nextAt(patch)).toBe(at);
  });

  it('words what grace means', () => {
    const at = (when: number) => facts({ certificates: [{ state: 'expired', notAfter: now }], now: when });
    expect(watch(at(now)).conditions.get('lapsed')?.detail).toContain('until grace ends');
    expect(watch(at(now + graceMs(policy))).conditions.get('lapsed')?.detail).toContain('by hand');
  });

  it.each(['quarantined', 'decommissioned'] as const)('finds nothing in one that is %s', (status) => {
    const late = { now: now + 29 * day, renewals: [{ createdAt: now - 50 * day }] };
    expect(told({ ...late, principal: { status, owner: '' } })).toEqual([]);
    expect(nextAt({ ...late, principal: { status } })).toBeNull();
  });

  it('finds the same until the time it names, and is quiet about nothing that it told before', () => {
    const instant = fc.integer({ min: -120, max: 120 }).map((days) => now + days * day);
    const one = fc.record({
      state: fc.constantFrom('issued' as const, 'active' as const, 'superseded' as const, 'expired' as const),
      notBefore: instant,
      notAfter: instant,
      renewAt: fc.option(instant),
    });
    const opened = fc.record({
      state: fc.constantFrom(...renewalStates),
      createdAt: instant,
      updatedAt: instant,
      lapsedAt: fc.option(instant),
    });
    const patches = fc.record({
      certificates: fc.array(one, { maxLength: 3 }),
      renewals: fc.array(opened, { maxLength: 2 }),
      gaps: fc.record({ plannedMs: fc.nat(40 * day), longestMs: fc.nat(40 * day) }),
      isHere: fc.boolean(),
      cameAt: fc.option(instant),
    });
    fc.assert(
      fc.property(patches, fc.integer({ min: 1, max: 300 * day }), (patch, later) => {
        const first = watch(facts(patch));
        if (first.nextAt !== null) expect(first.nextAt).toBeGreaterThan(now);
        const until = Math.min(now + later, (first.nextAt ?? Number.POSITIVE_INFINITY) - 1);
        expect(watch(facts({ ...patch, now: until })).conditions).toEqual(first.conditions);
        const after = watch(facts({ ...patch, now: now + later })).conditions;
        // The end that was approaching has come.
        const stays = [...first.conditions.keys()].filter((kind) => kind !== 'expiry_approaching');
        expect(stays.every((kind) => after.has(kind))).toBe(true);
      }),
    );
  });
});

describe('a failure', () => {
  it('is told in one line that can be printed, and not in more than is read', () => {
    expect(renewalFailed(principal({ owner: '' }), 'no_space', 'flash\u001b[31m full\u2028a\u202eb\ud800')).toEqual({
      kind: 'renewal_failed',
      subject: 'pump-7',
      severity: 'warning',
      detail: 'no_space: flash?[31m full?a?b?',
      owner: null,
    });
    expect(renewalFailed(principal(), null, 'x'.repeat(5_000)).detail).toHaveLength(200);
  });

  it('matters while its renewal is open', () => {
    const { principal: device } = facts({});
    expect(failureIsOver({ principal: device, renewals: [renewal({ state: 'failed' })] })).toBe(false);
    expect(failureIsOver({ principal: device, renewals: [renewal({ state: 'activated' })] })).toBe(true);
    expect(failureIsOver({ principal: device, renewals: [] })).toBe(true);
    const gone = principal({ status: 'decommissioned' });
    expect(failureIsOver({ principal: gone, renewals: [renewal({ state: 'failed' })] })).toBe(true);
  });

  it('is none of the kinds that a look raises by itself', () => {
    expect(watchedKinds).not.toContain('renewal_failed');
  });

  it('is about a principal, as are all kinds that a look raises: their open ones are found by its id', () => {
    for (const kind of [...watchedKinds, 'renewal_failed'] as const) expect(alertKinds[kind].about).toBe('principal');
  });
});
