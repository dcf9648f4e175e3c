import { describe, expect, it } from 'vitest';
import { type CertificateInUse, type FleetFacts, findingsOf, surveyedKinds } from '../../src/domain/finding.ts';
import type { Principal } from '../../src/domain/principal.ts';
import { day, entry, idOf, noon as now, policy, principal } from './samples.ts';

const minute = 60_000;

const inUse = (patch: Partial<CertificateInUse> = {}): CertificateInUse => ({
  ...entry({ lastSeenAt: now - minute, renewAt: now + minute }),
  sharedWith: null,
  installedAt: null,
  otherName: null,
  isUnplanned: false,
  hasNoMode: false,
  ...patch,
});

interface Patch {
  readonly principal?: Partial<Principal>;
  readonly certificates?: readonly CertificateInUse[];
  readonly lastSeenAt?: number | null;
  readonly litUntil?: number;
  readonly gatewaySite?: string | null;
  readonly plannedMs?: number;
  readonly classIsConfigured?: boolean;
  readonly sourceIsConfigured?: boolean;
}

const facts = (patch: Patch): FleetFacts => ({
  principal: principal(patch.principal),
  certificates: patch.certificates ?? [inUse()],
  lastSeenAt: patch.lastSeenAt === undefined ? now - minute : patch.lastSeenAt,
  litUntil: patch.litUntil ?? (patch.certificates?.length === 0 ? null : now + day),
  gatewaySite: patch.gatewaySite ?? null,
  gaps: { plannedMs: patch.plannedMs ?? 0, longestMs: 0 },
  isHere: false,
  cameAt: null,
  policy,
  classIsConfigured: patch.classIsConfigured ?? true,
  sourceIsConfigured: patch.sourceIsConfigured ?? true,
  now,
});
const kindsOf = (patch: Patch): string[] => findingsOf(facts(patch)).map(({ kind }) => kind);

describe('a look over one principal', () => {
  it('finds nothing in a device that is as it should be', () => {
    expect(findingsOf(facts({}))).toEqual([]);
  });

  const issued = (patch: Partial<CertificateInUse>) =>
    inUse({ state: 'issued', activatedAt: null, lastSeenAt: null, ...patch });
  const old = now - 3 * day;

  it.each<[string, Patch]>([
    ['never_seen', { certificates: [], lastSeenAt: null }],
    ['never_seen', { certificates: [issued({})], lastSeenAt: null }],
    ['never_seen', { certificates: [inUse({ lastSeenAt: null })], lastSeenAt: null }],
    ['dark', { litUntil: now }],
    ['unknown_class', { classIsConfigured: false }],
    ['unknown_source', { sourceIsConfigured: false }],
    ['no_owner', { principal: { owner: '' } }],
    ['shared_key', { certificates: [inUse({ sharedWith: idOf('other') })] }],
    ['several_active', { certificates: [inUse(), inUse()] }],
    ['name_mismatch', { certificates: [inUse({ otherName: 'Pumpe 1' })] }],
    ['site_mismatch', { principal: { site: 'north', gateway: idOf('gw-1') }, gatewaySite: 'south' }],
    [
      'still_on_old',
      { certificates: [inUse({ state: 'superseded', lastSeenAt: now - 1 }), inUse({ activatedAt: now - minute })] },
    ],
    [
      'still_on_old',
      { certificates: [inUse({ lastSeenAt: now - minute }), issued({ renewalId: 'r1', issuedAt: old })] },
    ],
    ['installed_not_activated', { certificates: [inUse({ lastSeenAt: old - 1 }), issued({ installedAt: old })] }],
    ['validity_beyond_policy', { certificates: [inUse({ notBefore: now - 1, notAfter: now + 3_650 * day })] }],
    ['no_way_to_renew', { certificates: [inUse({ hasNoMode: true })] }],
    ['no_way_to_renew', { certificates: [inUse({ isUnplanned: true })] }],
    ['no_way_to_renew', { principal: { status: 'quarantined' } }],
    ['no_way_to_renew', { certificates: [inUse({ state: 'expired', notAfter: now - 10_000 * day })] }],
  ])('finds %s (%#), and that alone', (kind, patch) => {
    expect(kindsOf(patch)).toEqual([kind]);
    expect(findingsOf(facts(patch))[0]?.detail).toMatch(/^\S.*\S$/);
  });

  it.each<[string, Patch]>([
    [
      'a certificate that was issued and has time left to be used',
      { certificates: [inUse(), issued({ renewalId: 'r1', issuedAt: now })] },
    ],
    [
      'a replacement that was installed and has time left to be used',
      { certificates: [inUse(), issued({ installedAt: now - minute })] },
    ],
    [
      'a replacement that was installed by a device which sleeps for longer',
      { certificates: [inUse({ lastSeenAt: old - 1 }), issued({ installedAt: old })], plannedMs: 4 * day },
    ],
    [
      'a replacement of a device that has not come since',
      { certificates: [inUse({ lastSeenAt: old - 1 }), issued({ renewalId: 'r1', issuedAt: old })] },
    ],
    [
      'a superseded certificate that was last seen before its replacement was',
      { certificates: [inUse({ state: 'superseded', lastSeenAt: old }), inUse({ activatedAt: old + 1 })] },
    ],
    ['a gateway whose site nobody knows', { principal: { site: 'north', gateway: idOf('gw-1') } }],
    ['a certificate that has expired within grace', { certificates: [inUse({ state: 'expired', notAfter: now - 1 })] }],
    [
      'an old certificate beside one by hand',
      { certificates: [inUse({ state: 'expired', notAfter: now - 10_000 * day }), issued({})] },
    ],
    [
      'whatever is wrong with a decommissioned one',
      { principal: { status: 'decommissioned', owner: '' }, certificates: [], lastSeenAt: null },
    ],
  ])('does not mind %s', (_what, patch) => {
    expect(kindsOf(patch)).toEqual([]);
  });

  it('finds several things at once, each once', () => {
    const certificates = [
      inUse({ hasNoMode: true, sharedWith: idOf('x') }),
      inUse({ hasNoMode: true, sharedWith: idOf('x') }),
    ];
    const found = kindsOf({ principal: { owner: '' }, certificates, lastSeenAt: null });
    expect(found).toEqual(['no_owner', 'shared_key', 'several_active', 'no_way_to_renew']);
    expect(surveyedKinds).toEqual(expect.arrayContaining(found));
  });
});
