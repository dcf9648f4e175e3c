// What the broker asks in the middle of a message: may this session hear what is said to that principal? The answer follows the
// ledger without delay, and is no where there is none.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { entranceOf } from '../../src/app/admission/entrance.ts';
import { Seen } from '../../src/app/admission/seen.ts';
import type { App } from '../../src/app/operator/app.ts';
import type { Operations } from '../../src/app/operator/operate.ts';
import type { Entrance, Session } from '../../src/app/session.ts';
import type { NewDelegation } from '../../src/app/views/delegations.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { idOf } from '../domain/samples.ts';
import { operationsIn } from '../fakes/tester.ts';
import { type Assembled, assembled } from './assembled.ts';

let house: Assembled;
let app: App;
let entrance: Entrance;
let operations: Operations;
let gateway: Session;
let now: number;
const told: { action: string }[] = [];

beforeEach(async () => {
  now = Date.now();
  told.length = 0;
  house = await assembled({ clock: { now: () => now }, tell: (decision) => told.push(decision) });
  ({ app } = house);
  entrance = entranceOf(app, new Seen(app));
  operations = operationsIn(app);
  for (const id of ['dev-1', 'dev-2']) await operations.addDevice({ id, owner: 'tests', site: 'north' });
  gateway = await connected('gw-1', 'gateway');
});
afterEach(() => house.close());

async function connected(id: string, kind: 'device' | 'gateway' | 'service'): Promise<Session> {
  await operations.addDevice({ id, owner: 'tests', kind, site: 'north' });
  const { certificatePem } = await operations.issueDevice({ id });
  const [der = null] = pemToDer(certificatePem, 'CERTIFICATE') ?? [];
  const facts = { presented: { der, issuers: () => [] }, clientId: id, remoteAddress: '192.0.2.1', root: 1 };
  const admission = await entrance.admit(facts);
  if (!admission.admitted) throw new Error(admission.reason);
  return admission.session;
}

const grant = (more: Partial<NewDelegation>) =>
  operations.addDelegation({ gateway: 'gw-1', modes: ['csr'], until: '1h', daily: 1, ...more });
const hears = (device: string, session = gateway) => entrance.hears(session, `$enroll/1/${device}/cert`);

describe('a session hears', () => {
  it('however many delegations others have for its device: one more than can be looked at is not granted', async () => {
    await connected('gw-2', 'gateway');
    const short = { gateway: 'gw-2', until: '30m' };
    await grant({ site: 'north', ...short });
    const full = expect.objectContaining({ code: 'invalid' });
    for (const scope of [{ devices: ['dev-1'] }, { site: 'north' }]) {
      const granted = [];
      for (let i = 0; i < 31; i += 1) granted.push(await grant(scope));
      if ('devices' in scope) granted.push(await grant(scope));
      await expect(grant(scope)).rejects.toEqual(full);
      await expect(grant(scope)).rejects.toThrow(/(dev-1|north) has 32 delegations in force already: revoke some/);
      await operations.revokeDelegation({ id: granted[0]?.id ?? '' });
      await grant(scope);
    }
    expect(app.store.glance.delegationsFor(idOf('dev-1'), 'north').map(({ gatewayId }) => gatewayId)).toContain('gw-2');
    // What has ended takes nobody's place.
    now += 31 * 60_000;
    await grant({ site: 'north' });
    now += 30 * 60_000;
    for (let i = 0; i < 31; i += 1) await grant({ devices: ['dev-1'] });
  });

  it('for the devices delegated to its gateway, as long as they are', async () => {
    expect([hears('dev-1'), hears('dev-2'), hears('nobody')]).toEqual([false, false, false]);
    const { id } = await grant({ devices: ['dev-1'] });
    expect([hears('dev-1'), hears('dev-2'), hears('nobody')]).toEqual([true, false, false]);
    await operations.revokeDelegation({ id });
    expect(hears('dev-1')).toBe(false);
    await grant({ site: 'north' });
    expect([hears('dev-1'), hears('dev-2'), hears('gw-1')]).toEqual([true, true, false]);
    await operations.importDevices({ format: 'csv', text: 'id,owner,site\ndev-1,tests,south\n' });
    expect([hears('dev-1'), hears('dev-2')]).toEqual([false, true]);
    await operations.quarantineDevice({ id: 'dev-2' });
    expect(hears('dev-2')).toBe(false);
    await operations.quarantineDevice({ id: 'dev-2', release: true });
    expect(hears('dev-2')).toBe(true);
    now += 3_600_000;
    expect(hears('dev-2')).toBe(false);
  });

  it('nothing once its gateway is in quarantine or decommissioned, even before the session has ended', async () => {
    await grant({ site: 'north' });
    await operations.quarantineDevice({ id: 'gw-1' });
    expect(hears('dev-1')).toBe(false);
    await operations.quarantineDevice({ id: 'gw-1', release: true });
    expect(hears('dev-1')).toBe(true);
    await operations.decommissionDevice({ id: 'gw-1' });
    expect(hears('dev-1')).toBe(false);
  });

  it('nothing in the renew-only lane, as a device or as a service', async () => {
    await grant({ site: 'north' });
    expect(hears('dev-1', { ...gateway, lane: 'renew-only' })).toBe(false);
    for (const kind of ['device', 'service'] as const) {
      expect(hears('dev-1', await connected(`one-${kind}`, kind))).toBe(false);
    }
  });

  it.each(['$enroll/1/dev-1', '$enroll/1/dev-1/cert/x', '$enroll/2/dev-1/cert', '$enroll/1//cert', 'devices/dev-1/x'])(
    'nothing on %s',
    async (topic) => {
      await grant({ site: 'north' });
      expect(entrance.hears(gateway, topic)).toBe(false);
    },
  );

  it('nothing when the ledger cannot be read, and that is told', async () => {
    await grant({ site: 'north' });
    await app.rounds.stop();
    await app.store.close();
    expect(hears('dev-1')).toBe(false);
    expect(told.map(({ action }) => action)).toContain('enrollment.failed');
  });
});
