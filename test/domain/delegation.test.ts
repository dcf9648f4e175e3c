import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fingerprint } from '../../src/domain/certificate.ts';
import {
  chooseDelegation,
  type Delegation,
  type DelegationQuestion,
  dayOf,
  endingBy,
  isInForce,
  mayActFor,
  names,
  unfollowed,
} from '../../src/domain/delegation.ts';
import { keyModes, principalKinds, principalStatuses } from '../../src/domain/principal.ts';
import { requestProofText, useProofText } from '../../src/domain/proof.ts';
import { day, fingerprintA, idOf, noon, principal } from './samples.ts';

const gateway = principal({ id: idOf('gw-1'), kind: 'gateway', site: 'north' });
const device = principal({ site: 'north' });

function delegation(patch: Partial<Delegation> = {}): Delegation {
  return {
    id: 'd1',
    gatewayId: gateway.id,
    devices: [device.id],
    site: null,
    modes: ['csr'],
    endsAt: noon + day,
    dailyLimit: 10,
    createdAt: noon - day,
    revokedAt: null,
    ...patch,
  };
}

const ofSite = (site: string): Partial<Delegation> => ({ devices: [], site });

function ask(patch: Partial<DelegationQuestion> = {}) {
  return mayActFor({ gateway, lane: 'full', device, delegations: [delegation()], now: noon, ...patch });
}

describe('a delegation', () => {
  it('names its devices, or all devices of its site, and nothing but devices', () => {
    expect(names(delegation(), device)).toBe(true);
    expect(names(delegation(), principal({ id: idOf('pump-8') }))).toBe(false);
    expect(names(delegation(ofSite('north')), device)).toBe(true);
    expect(names(delegation(ofSite('south')), device)).toBe(false);
    expect(names(delegation(ofSite('north')), principal({ site: null }))).toBe(false);
    for (const kind of ['gateway', 'service'] as const) {
      expect(names(delegation(ofSite('north')), { ...device, kind })).toBe(false);
      expect(names(delegation(), { ...device, kind })).toBe(false);
    }
  });

  it('is in force until the moment it ends, or is revoked', () => {
    expect(isInForce(delegation(), noon + day - 1)).toBe(true);
    expect(isInForce(delegation(), noon + day)).toBe(false);
    expect(isInForce(delegation({ revokedAt: noon }), noon)).toBe(false);
  });

  it('counts by days in UTC', () => {
    const midnight = Math.floor(noon / day) * day;
    expect(dayOf(midnight)).toBe(dayOf(midnight + day - 1));
    expect(dayOf(midnight + day)).toBe(dayOf(midnight) + 1);
  });
});

describe('a gateway', () => {
  it('may act for a device while a delegation says so', () => {
    expect(ask()).toEqual({ allowed: true, delegations: [delegation()] });
    expect(ask({ delegations: [delegation(ofSite('north'))] })).toMatchObject({ allowed: true });
  });

  it.each<[string, Partial<DelegationQuestion>, string]>([
    ['nothing was delegated', { delegations: [] }, 'not_delegated'],
    ['another gateway has the delegation', { delegations: [delegation({ gatewayId: idOf('gw-2') })] }, 'not_delegated'],
    ['the device is unknown', { device: null }, 'not_delegated'],
    ['the device is quarantined', { device: { ...device, status: 'quarantined' } }, 'not_delegated'],
    ['the device is decommissioned', { device: { ...device, status: 'decommissioned' } }, 'not_delegated'],
    ['the device is a gateway', { device: { ...device, kind: 'gateway' } }, 'not_delegated'],
    [
      'the device has moved',
      { device: principal({ site: 'south' }), delegations: [delegation(ofSite('north'))] },
      'not_delegated',
    ],
    ['the delegation was revoked', { delegations: [delegation({ revokedAt: noon - 1 })] }, 'not_delegated'],
    ['the delegation has ended', { now: noon + day }, 'delegation_ended'],
    ['it is in the renew-only lane', { lane: 'renew-only' }, 'not_authorized'],
    ['it is quarantined', { gateway: { ...gateway, status: 'quarantined' } }, 'not_authorized'],
    ['it is decommissioned', { gateway: { ...gateway, status: 'decommissioned' } }, 'not_authorized'],
    ['it is a device', { gateway: { ...gateway, kind: 'device' } }, 'not_authorized'],
    ['it is a service', { gateway: { ...gateway, kind: 'service' } }, 'not_authorized'],
  ])('may not when %s', (_, patch, code) => {
    expect(ask(patch)).toMatchObject({ allowed: false, code });
  });

  it('learns of a device of somebody else no more than of one that does not exist', () => {
    expect(ask({ delegations: [] })).toEqual(ask({ device: null }));
  });
});

describe('a renewal', () => {
  const used = (...counts: [string, number][]) => new Map(counts);

  it('begins under a delegation that covers its key mode and has renewals left today', () => {
    const recertify = delegation({ id: 'd2', modes: ['recertify'] });
    const other = delegation({ id: 'd3' });
    const all = [recertify, delegation(), other];
    expect(chooseDelegation(all, 'csr', used())).toEqual({ delegation: delegation() });
    expect(chooseDelegation(all, 'csr', used(['d1', 10]))).toEqual({ delegation: other });
    expect(chooseDelegation(all, 'csr', used(['d1', 10], ['d3', 9]))).toEqual({ delegation: other });
    expect(chooseDelegation(all, 'csr', used(['d1', 10], ['d3', 10]))).toMatchObject({ code: 'delegation_exhausted' });
    expect(chooseDelegation(all, 'keygen', used())).toMatchObject({ code: 'mode_not_granted' });
    expect(chooseDelegation([recertify], 'csr', used(['d2', 0]))).toMatchObject({ code: 'mode_not_granted' });
  });
});

describe('a delegation that ends soon', () => {
  const soon = noon + 14 * day;
  const lasting = { id: 'd2', endsAt: soon + 1 };

  it.each<[string, Delegation[], string[]]>([
    ['is pointed out', [delegation()], ['d1']],
    ['is not, where the same is allowed for longer', [delegation(), delegation(lasting)], []],
    [
      'is, where another gateway is allowed',
      [delegation(), delegation({ ...lasting, gatewayId: idOf('gw-2') })],
      ['d1'],
    ],
    ['is, where not all of its modes follow', [delegation({ modes: ['csr', 'keygen'] }), delegation(lasting)], ['d1']],
    [
      'is, where not all of its devices follow',
      [delegation({ devices: [device.id, idOf('pump-8')] }), delegation(lasting)],
      ['d1'],
    ],
    [
      'is, where another site follows',
      [delegation(ofSite('north')), delegation({ ...lasting, ...ofSite('south') })],
      ['d1'],
    ],
    [
      'is not, where its site follows',
      [delegation(ofSite('north')), delegation({ ...lasting, ...ofSite('north') })],
      [],
    ],
    ['is, where what follows was revoked', [delegation(), delegation({ ...lasting, revokedAt: noon })], ['d1']],
    ['is not once it was revoked or has ended', [delegation({ revokedAt: noon }), delegation({ endsAt: noon })], []],
  ])('%s', (_, delegations, ending) => {
    expect(endingBy(delegations, noon, soon).map(({ id }) => id)).toEqual(ending);
  });
});

describe('a delegation that nothing follows', () => {
  const from = noon - 10 * day;
  const until = noon + 10 * day;
  it.each<[string, Partial<Delegation>[], string[]]>([
    ['is one that ends soon', [{}], ['d1']],
    ['is one that has ended lately', [{ endsAt: noon - day }], ['d1']],
    ['is none that ended long ago, or ends late', [{ endsAt: from }, { id: 'd2', endsAt: until + 1 }], []],
    ['is none that was revoked', [{ revokedAt: noon }], []],
    ['is none that another outlasts', [{}, { id: 'd2', endsAt: until + day }], []],
    ['is the last of several', [{}, { id: 'd2', endsAt: noon + 2 * day }], ['d2']],
    ['is one whose follower allows less', [{ modes: ['csr', 'keygen'] }, { id: 'd2', endsAt: until + day }], ['d1']],
    ['is one whose follower was revoked', [{}, { id: 'd2', endsAt: until + day, revokedAt: noon }], ['d1']],
  ])('%s', (_what, patches, expected) => {
    const found = unfollowed(patches.map(delegation), from, until);
    expect(found.map(({ id }) => id)).toEqual(expected);
  });
});

const anyDelegation: fc.Arbitrary<Delegation> = fc.record({
  id: fc.constantFrom('d1', 'd2', 'd3'),
  gatewayId: fc.constantFrom(gateway.id, idOf('gw-2')),
  devices: fc.constantFrom([], [device.id], [idOf('pump-8'), device.id]),
  site: fc.constantFrom(null, 'north', 'south'),
  modes: fc.subarray([...keyModes]),
  endsAt: fc.integer({ min: noon - 2, max: noon + 2 }),
  dailyLimit: fc.integer({ min: 0, max: 2 }),
  createdAt: fc.constant(noon - day),
  revokedAt: fc.constantFrom(null, noon),
});
const anyDevice = fc.record({
  kind: fc.constantFrom(...principalKinds),
  status: fc.constantFrom(...principalStatuses),
  site: fc.constantFrom(null, 'north', 'south'),
});
const question: fc.Arbitrary<DelegationQuestion> = fc.record({
  gateway: anyDevice.map((patch) => ({ ...gateway, ...patch })),
  lane: fc.constantFrom('full' as const, 'renew-only' as const),
  device: fc.option(anyDevice.map((patch) => ({ ...device, ...patch }))),
  delegations: fc.array(anyDelegation, { maxLength: 4 }),
  now: fc.integer({ min: noon - 2, max: noon + 2 }),
});

describe('whatever was granted', () => {
  it('lets only an active gateway in the full lane act, for an active device, under what stands and names both', () => {
    fc.assert(
      fc.property(question, (asked) => {
        const verdict = mayActFor(asked);
        if (!verdict.allowed) return;
        expect(asked).toMatchObject({ lane: 'full', gateway: { kind: 'gateway', status: 'active' } });
        expect(asked.device).toMatchObject({ kind: 'device', status: 'active' });
        expect(verdict.delegations.length).toBeGreaterThan(0);
        for (const each of verdict.delegations) {
          expect(asked.delegations).toContain(each);
          expect(each).toMatchObject({ gatewayId: asked.gateway.id, revokedAt: null });
          expect(each.endsAt).toBeGreaterThan(asked.now);
          expect(each.site === null ? each.devices.includes(device.id) : each.site === asked.device?.site).toBe(true);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('never allows less for one delegation more', () => {
    fc.assert(
      fc.property(question, anyDelegation, (asked, more) => {
        if (!mayActFor(asked).allowed) return;
        expect(mayActFor({ ...asked, delegations: [...asked.delegations, more] }).allowed).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('begins no renewal beyond a limit or outside the modes', () => {
    const uses = fc.dictionary(fc.constantFrom('d1', 'd2', 'd3'), fc.integer({ min: 0, max: 3 }));
    fc.assert(
      fc.property(fc.array(anyDelegation), fc.constantFrom(...keyModes), uses, (all, mode, counts) => {
        const used = new Map(Object.entries(counts));
        const chosen = chooseDelegation(all, mode, used);
        const fitting = all.filter((each) => each.modes.includes(mode) && (used.get(each.id) ?? 0) < each.dailyLimit);
        if ('delegation' in chosen) expect(fitting).toContain(chosen.delegation);
        else expect(fitting).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('what a device signs', () => {
  it('is the text that the protocol fixes', () => {
    expect(requestProofText('abc', fingerprintA)).toBe(`nolapse csr abc ${'a'.repeat(64)}`);
    expect(useProofText(device.id, fingerprintA)).toBe(`nolapse hello pump-7 ${'a'.repeat(64)}`);
  });

  it('for one purpose serves no other, no other renewal and no other device', () => {
    const id = fc
      .stringMatching(/^[a-z0-9][a-z0-9._-]{0,10}$/)
      .filter((text) => !text.includes('..') && text !== 'lane');
    const digest = fc.stringMatching(/^[0-9a-f]{64}$/).map((text) => text as Fingerprint);
    fc.assert(
      fc.property(id, id, digest, digest, (one, other, a, b) => {
        expect(requestProofText(one, a)).not.toBe(useProofText(idOf(other), b));
        const same = one === other && a === b;
        expect(requestProofText(one, a) === requestProofText(other, b)).toBe(same);
        expect(useProofText(idOf(one), a) === useProofText(idOf(other), b)).toBe(same);
      }),
    );
  });
});
