import { describe, expect, it } from 'vitest';
import type { LedgerEntry } from '../../src/domain/certificate.ts';
import { lightsUntil, litUntil, type Standing, standingOf, whyDark } from '../../src/domain/standing.ts';
import { day, entry, noon as now, principal } from './samples.ts';

const [past, future] = [now - day, now + day];
const of = (facts: Partial<LedgerEntry>) => entry({ notAfter: future, ...facts });
const unused = { state: 'issued', activatedAt: null } as const;

describe('the standing of a device', () => {
  it.each<[string, readonly Partial<LedgerEntry>[], Standing]>([
    ['without a certificate ever', [], 'without'],
    ['with one in use', [{ state: 'active' }], 'lit'],
    ['with one that ended, also before the ledger has noted it', [{ state: 'active', notAfter: now }], 'dark'],
    ['with one that ended by a clock that ran ahead', [{ state: 'expired' }], 'lit'],
    ['in overlap alone', [{ state: 'superseded', overlapUntil: future }], 'lit'],
    ['whose overlap has ended', [{ state: 'superseded', overlapUntil: now }], 'dark'],
    [
      'whose overlap has ended, and was noted later',
      [{ state: 'retired', overlapUntil: past, revokedAt: now }],
      'dark',
    ],
    ['whose certificate was revoked', [{ state: 'revoked', revokedAt: past }], 'dark'],
    ['with a first one that was not used yet', [unused], 'lit'],
    ['with a first one that ended unused', [{ ...unused, state: 'expired', notAfter: past }], 'dark'],
    ['with a replacement that was not used yet', [{ state: 'expired', notAfter: past }, unused], 'dark'],
    ['with a replacement in use', [{ state: 'expired', notAfter: past }, { state: 'active' }], 'lit'],
  ])('%s', (_, certificates, standing) => {
    expect(standingOf(principal(), litUntil(certificates.map(of)), now)).toBe(standing);
  });

  it('is that of its certificates in quarantine, and none once it is decommissioned', () => {
    expect(standingOf({ status: 'quarantined' }, past, now)).toBe('dark');
    expect(standingOf({ status: 'quarantined' }, future, now)).toBe('lit');
    expect(standingOf({ status: 'decommissioned' }, past, now)).toBe('out');
    expect(standingOf({ status: 'decommissioned' }, null, now)).toBe('out');
  });

  it('never lasts longer than the certificate', () => {
    expect(lightsUntil(of({ state: 'superseded', overlapUntil: future + day }))).toBe(future);
    expect(lightsUntil(of({ state: 'revoked', revokedAt: future + day }))).toBe(future);
  });

  it('has a reason where it is dark', () => {
    const why = (facts: Partial<LedgerEntry>, status: 'active' | 'quarantined' = 'active') =>
      whyDark({ status }, of({ notAfter: past, ...facts }), 2 * day, now);
    expect(why({ state: 'expired' })).toBe('in_grace');
    expect(why({ state: 'expired', notAfter: now - 2 * day })).toBe('ended');
    expect(why({ state: 'revoked' })).toBe('revoked');
    expect(why({ state: 'revoked' }, 'quarantined')).toBe('quarantined');
  });
});
