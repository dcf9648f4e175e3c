// Whose telemetry a site gateway carries: until when its delegations say so, and which device a topic belongs to.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileDelegatedGate } from '../../src/broker/topic-gate.ts';
import {
  type AccessTemplate,
  accessOf,
  defaultTemplates,
  delegatedIn,
  mayPublish,
  mayReceive,
  maySubscribe,
} from '../../src/domain/acl.ts';
import { type Delegation, endingBy, telemetryUntil, unfollowed } from '../../src/domain/delegation.ts';
import { type PrincipalId, parsePrincipalId, principalKinds, principalStatuses } from '../../src/domain/principal.ts';
import { day, idOf, noon, principal } from './samples.ts';

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
    telemetry: true,
    ...patch,
  };
}
const { telemetry: _, ...silent } = delegation();

describe('telemetry is carried', () => {
  it('until the last of the delegations ends that grant it', () => {
    const until = (...delegations: Delegation[]) => telemetryUntil({ gateway, device, delegations });
    expect(until(delegation())).toBe(noon + day);
    expect(until(delegation({ devices: [], site: 'north' }))).toBe(noon + day);
    const longer = { ...silent, id: 'd2', endsAt: noon + 9 * day };
    expect(until(longer, delegation(), delegation({ id: 'd3', endsAt: noon - day }))).toBe(noon + day);
    expect(until(delegation(), delegation({ id: 'd3', endsAt: noon + 2 * day }))).toBe(noon + 2 * day);
  });

  it.each<[string, Partial<Parameters<typeof telemetryUntil>[0]>]>([
    ['without a delegation', { delegations: [] }],
    ['under one that does not grant it', { delegations: [silent] }],
    ['under one that was revoked', { delegations: [delegation({ revokedAt: noon })] }],
    ["under another gateway's", { delegations: [delegation({ gatewayId: idOf('gw-2') })] }],
    ['of a device that it does not name', { delegations: [delegation({ devices: [idOf('pump-8')] })] }],
    ['of a device at another site', { delegations: [delegation({ devices: [], site: 'south' })] }],
    ['of nobody', { device: null }],
    ['by nobody', { gateway: null }],
    ['by a gateway in quarantine', { gateway: { ...gateway, status: 'quarantined' } }],
    ['of a device in quarantine', { device: { ...device, status: 'quarantined' } }],
    ['of a device that is gone', { device: { ...device, status: 'decommissioned' } }],
    ['of the gateway itself', { device: gateway, delegations: [delegation({ devices: [gateway.id] })] }],
    ['of a service', { device: { ...device, kind: 'service' } }],
    ['by a service', { gateway: { ...gateway, kind: 'service' } }],
  ])('never %s', (_name, patch) => {
    expect(telemetryUntil({ gateway, device, delegations: [delegation()], ...patch })).toBeNull();
  });

  it('by active gateways of active devices alone, whatever was delegated', () => {
    const someone = fc.record({
      kind: fc.constantFrom(...principalKinds),
      status: fc.constantFrom(...principalStatuses),
    });
    fc.assert(
      fc.property(someone, someone, (one, other) => {
        const carried = telemetryUntil({
          gateway: { ...gateway, ...one },
          device: { ...device, ...other },
          delegations: [delegation(), delegation({ id: 'd2', devices: [], site: 'north' })],
        });
        const fits = one.kind === 'gateway' && other.kind === 'device' && one.status === 'active';
        expect(carried !== null).toBe(fits && other.status === 'active');
      }),
    );
  });

  it('and missed where what follows a delegation does not grant it', () => {
    const follower = { ...silent, id: 'd2', endsAt: noon + 90 * day };
    const ending = (...all: Delegation[]) => [
      endingBy(all, noon, noon + 7 * day).map(({ id }) => id),
      unfollowed(all, noon - day, noon + 7 * day).map(({ id }) => id),
    ];
    expect(ending(delegation(), follower)).toEqual([['d1'], ['d1']]);
    expect(ending(delegation(), { ...follower, telemetry: true })).toEqual([[], []]);
    expect(ending({ ...silent, id: 'd1' }, follower)).toEqual([[], []]);
  });
});

const withList = (...patterns: string[]) => ({
  kinds: { ...defaultTemplates, gateway: { publish: patterns, subscribe: patterns } },
  principals: new Map<string, AccessTemplate>(),
});

describe('a list with {delegated}', () => {
  const rules = { kinds: defaultTemplates, principals: new Map() };
  const access = accessOf(gateway, 'full', rules);

  it('lets a gateway ask for the topics of all devices, and of each, and for nothing wider', () => {
    const open = ['devices/+/#', 'devices/+/reading', 'devices/pump-7/#', 'devices/+', 'devices/nobody/x'];
    for (const filter of open) expect(maySubscribe(access, filter), filter).toBe(true);
    for (const filter of ['#', '+/#', 'devices/#', '+/pump-7/#', '+/+/reading', 'gateways/+/#', '$SYS/+/#']) {
      expect(maySubscribe(access, filter), filter).toBe(false);
    }
  });

  it('opens nothing by itself', () => {
    for (const topic of ['devices/pump-7/x', 'devices/pump-7', 'devices/+/x', 'devices/{delegated}/x']) {
      expect(mayPublish(access, topic) || mayReceive(access, topic), topic).toBe(false);
    }
  });

  it('says nothing to devices, services and gateways in the renew-only lane', () => {
    const lists = { publish: ['devices/{delegated}/#'], subscribe: ['devices/{delegated}/#'] };
    const all = { kinds: { device: lists, gateway: lists, service: lists }, principals: new Map([['pump-9', lists]]) };
    const others = [
      accessOf(device, 'full', all),
      accessOf(principal({ id: idOf('pump-9') }), 'full', all),
      accessOf(principal({ kind: 'service' }), 'full', all),
      accessOf(gateway, 'renew-only', all),
    ];
    for (const each of others) {
      expect(each.delegated).toEqual({ publish: [], receive: [] });
      expect(maySubscribe(each, 'devices/+/#') || maySubscribe(each, 'devices/{delegated}/#')).toBe(false);
    }
  });

  it.each([
    ['devices/{delegated}/#', 'devices/pump-7/a/b', 'pump-7'],
    ['devices/{delegated}/#', 'devices/pump-7', 'pump-7'],
    ['devices/{delegated}/#', 'devices/00:1A:2b@x/a', '00:1A:2b@x'],
    ['devices/{delegated}/#', 'devices//a', null],
    ['devices/{delegated}/#', 'devices', null],
    ['devices/{delegated}/#', 'devices/pump 7/a', null],
    ['devices/{delegated}/#', 'devices/lane:x/a', null],
    ['devices/{delegated}/#', 'Devices/pump-7/a', null],
    ['devices/{delegated}/up', 'devices/pump-7/up', 'pump-7'],
    ['devices/{delegated}/up', 'devices/pump-7/up/x', null],
    ['{delegated}/#', 'pump-7/x', 'pump-7'],
    ['{delegated}/#', '$aws/x', null],
    ['+/{delegated}/#', 'a/pump-7/x', 'pump-7'],
    ['+/{delegated}/#', '$aws/pump-7/x', null],
    ['$aws/things/{delegated}/#', '$aws/things/pump-7/shadow', 'pump-7'],
    ['a/+/{delegated}', 'a/b/pump-7', 'pump-7'],
  ])('%s finds in %s the device %s', (pattern, topic, id) => {
    expect(delegatedIn(pattern, topic)).toBe(id);
    const asked: string[] = [];
    const gate = compileDelegatedGate([pattern], (each) => asked.push(each) > 0);
    expect(gate(topic)).toBe(id !== null);
    expect(asked).toEqual(id === null ? [] : [id]);
  });

  it('reaches no device through another, whatever their ids look like', () => {
    const letter = fc.constantFrom('a', 'A', '1', ':', '@', '.', '_', '-');
    const text = fc.array(letter, { minLength: 1, maxLength: 4 }).map((letters) => letters.join(''));
    const id = text.map((each) => parsePrincipalId(each)).filter((each): each is PrincipalId => each !== null);
    const pattern = fc.constantFrom('devices/{delegated}/#', '{delegated}/#', 'x/+/{delegated}/up', 'a/{delegated}');
    fc.assert(
      fc.property(id, id, id, pattern, (one, other, self, list) => {
        fc.pre(one !== other && self !== one);
        const { delegated } = accessOf(principal({ id: self, kind: 'gateway' }), 'full', withList(list));
        const gate = compileDelegatedGate(delegated.publish, (each) => each === one);
        const topicOf = (each: string) => list.replace('{delegated}', each).replace('+', 'y').replace('#', 'z');
        expect(gate(topicOf(one))).toBe(true);
        expect(gate(topicOf(other))).toBe(false);
        for (const near of [`${one}/${other}`, `${other}/${one}`, `${one}:${other}`, `${one}%`, ` ${one}`, `${one}+`]) {
          const named = topicOf(near);
          const level = named.split('/')[list.split('/').indexOf('{delegated}')];
          if (level !== one) expect(gate(named), named).toBe(false);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
