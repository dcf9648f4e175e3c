// Who may see and change what over the HTTP API: rights for some owners and sites, and what no right reaches.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operationNames } from '../../src/app/operator/catalog.ts';
import { permissionOf } from '../../src/app/operator/permissions.ts';
import { routes } from '../../src/http/api/routes.ts';
import { connect } from '../scenarios/harness.ts';
import { type Answer, type ApiHouse, openApiHouse } from './api.ts';

let house: ApiHouse;
let admin: string;
/** For devices at the site north. */
let north: string;
/** For devices of carla. */
let carla: string;
let serialOfSouth: string;
let delegation: string;
beforeAll(async () => {
  house = await openApiHouse();
  admin = await house.token();
  north = await house.token({ permission: 'admin', sites: ['north'] });
  carla = await house.token({ permission: 'operate', owners: ['carla'] });
  const { operations } = house.gateway;
  const seen = async (id: string, site: string) => {
    const issued = await house.device(id, { site });
    await (await connect(house, issued, id)).endAsync(true);
    return issued.certificate.serial;
  };
  await seen('north-1', 'north');
  serialOfSouth = await seen('south-1', 'south');
  await house.device('nowhere-1');
  await house.device('gate-north', { site: 'north', kind: 'gateway' });
  await house.device('gate-south', { site: 'south', kind: 'gateway' });
  await operations.addDevice({ id: 'pump-carla', owner: 'carla', site: 'north' });
  await operations.addDevice({ id: 'pump-dora', owner: 'dora', site: 'north' });
  const devices = ['south-1', 'nowhere-1'];
  const made = { gateway: 'gate-south', devices, modes: ['csr'], until: '1d', daily: 3 };
  delegation = (await operations.addDelegation(made)).id;
  await operations.addDelegation({ ...made, gateway: 'gate-north', devices: ['north-1', 'south-1'] });
  for (const id of ['north-1', 'south-1']) await operations.runRenewal({ device: id });
});
afterAll(() => house.close());

const idsIn = ({ body }: Answer): string[] => body.items.map(({ id }: { id: string }) => id);

describe('an operator of one site', () => {
  it.each([
    ['/devices/south-1', {}],
    ['/devices/nowhere-1', {}],
    ['/devices/gate-south', {}],
    ['/devices/south-1/policy', {}],
    ['/devices/south-1', { method: 'PATCH', body: { owner: 'mallory' } }],
    ['/devices/south-1', { method: 'PATCH', body: { site: 'north' } }],
    ['/devices/south-1/decommission', { method: 'POST' }],
    ['/devices/south-1/decommission', { method: 'POST', body: { dryRun: true } }],
    ['/devices/south-1/quarantine', { method: 'POST' }],
    ['/devices/south-1/renew', { method: 'POST' }],
    ['/renewals?device=south-1', {}],
    ['/certificates?device=south-1', {}],
    ['/delegations?gateway=gate-south', {}],
  ])('finds nothing of another: %s %j', async (path, ask) => {
    const { status, body, text } = await house.ask(path, { token: north, ...ask });
    expect([status, body.code]).toEqual([404, 'not_found']);
    expect(text).not.toMatch(/tests|south"/);
  });

  it('finds nothing of another by the names of its records', async () => {
    const { items } = (await house.ask('/renewals', { token: admin })).body;
    const { id } = items.find(({ principalId }: { principalId: string }) => principalId === 'south-1');
    for (const path of [`/renewals/${id}`, `/certificates/${serialOfSouth}`]) {
      expect((await house.ask(path, { token: north })).status).toBe(404);
    }
    for (const path of [`/certificates/${serialOfSouth}/revoke`, `/delegations/${delegation}/revoke`]) {
      expect((await house.ask(path, { token: north, method: 'POST' })).status).toBe(404);
    }
    expect((await house.ask(`/certificates/${serialOfSouth}`, { token: admin })).body.certificate.state).toBe('active');
  });

  it('is listed its own alone, on however small a page', async () => {
    expect(idsIn(await house.ask('/devices', { token: north }))).toEqual([
      'gate-north',
      'north-1',
      'pump-carla',
      'pump-dora',
    ]);
    expect(idsIn(await house.ask('/devices', { token: carla }))).toEqual(['pump-carla']);
    expect(idsIn(await house.ask('/devices?sites=south', { token: north }))).not.toContain('south-1');
    for (const path of ['/certificates', '/renewals', '/delegations', '/alerts']) {
      const { items } = (await house.ask(`${path}?limit=2`, { token: north })).body;
      expect(JSON.stringify(items)).not.toMatch(/south|nowhere/);
    }
    expect((await house.ask('/renewals', { token: north })).body.items).toHaveLength(1);
  });

  it('sees of what its site gateway carries only its own', async () => {
    const { body, text } = await house.ask('/devices/gate-north', { token: north });
    expect(body.delegations).toMatchObject([{ devices: ['north-1'] }]);
    expect(text).not.toContain('south-1');
  });

  it('can neither take a device from another nor give one away', async () => {
    const refused = await house.ask('/devices/north-1', { token: north, method: 'PATCH', body: { site: 'south' } });
    expect([refused.status, refused.body.code]).toEqual([403, 'forbidden']);
    const given = await house.ask('/devices/pump-carla', { token: carla, method: 'PATCH', body: { owner: 'dora' } });
    expect(given.status).toBe(403);
    const added = await house.ask('/devices', { token: north, body: { id: 'new-1', owner: 'x', site: 'south' } });
    expect(added.status).toBe(403);
    const siteless = await house.ask('/devices', { token: north, body: { id: 'new-1', owner: 'x' } });
    expect(siteless.status).toBe(403);
    const behind = { id: 'new-1', owner: 'x', site: 'north', gateway: 'gate-south' };
    expect((await house.ask('/devices', { token: north, body: behind })).status).toBe(403);
    for (const id of ['new-1', 'north-1', 'pump-carla']) {
      const found = await house.store.read.principal(id as never);
      expect(found && [found.owner, found.site]).toEqual(
        { 'new-1': null, 'north-1': ['tests', 'north'], 'pump-carla': ['carla', 'north'] }[id],
      );
    }
  });

  it('is bound by the record as it is when it is changed', async () => {
    const { operations } = house.gateway;
    await operations.addDevice({ id: 'mover', owner: 'x', site: 'north' });
    expect((await house.ask('/devices/mover', { token: north })).status).toBe(200);
    await operations.setDevice({ id: 'mover', site: 'south' });
    expect((await house.ask('/devices/mover', { token: north })).status).toBe(404);
    const late = await house.ask('/devices/mover', { token: north, method: 'PATCH', body: { criticality: 'high' } });
    expect(late.status).toBe(404);
    await operations.setDevice({ id: 'mover', site: 'north' });
    const set = await house.ask('/devices/mover', { token: north, method: 'PATCH', body: { criticality: 'high' } });
    expect(set.status).toBe(200);
  });

  it('delegates nothing of others, and no site as a whole where others own devices', async () => {
    const made = { gateway: 'gate-north', modes: ['csr'], until: '1d', daily: 1 };
    const ask = (token: string, body: object) => house.ask('/delegations', { token, body: { ...made, ...body } });
    expect((await ask(north, { devices: ['south-1'] })).status).toBe(403);
    expect((await ask(north, { site: 'south' })).status).toBeGreaterThanOrEqual(400);
    expect((await ask(carla, { site: 'north' })).status).toBe(404);
    expect((await ask(north, { devices: ['north-1'] })).body).toMatchObject({ devices: ['north-1'] });
  });

  it.each([
    ['/fleet', {}],
    ['/doctor', {}],
    ['/trust', {}],
    ['/campaigns', {}],
    ['/findings', {}],
    ['/policies', {}],
    ['/inventory/sources', {}],
    ['/campaigns', { body: { reason: 'x', site: 'north' } }],
    ['/policies/reload', { method: 'POST' }],
    ['/evidence', { body: { framework: 'nist-csf-2.0', from: '2020-01-01', to: '2030-01-01' } }],
  ])('is refused what is no device: %s %j', async (path, ask) => {
    const { status, body } = await house.ask(path, { token: north, ...ask });
    expect([status, body.code]).toEqual([403, 'forbidden']);
  });

  it('is told who will be dark among its own', async () => {
    expect((await house.ask('/forecast', { token: north })).status).toBe(200);
    expect((await house.ask('/forecast?site=south', { token: north })).status).toBe(403);
    expect((await house.ask('/forecast?site=north&owner=dora', { token: carla })).status).toBe(403);
  });
});

describe('a token', () => {
  it.each([
    ['more than it may do', { permission: 'admin' }, 'operate'],
    ['another site', { sites: ['south'] }, 'admin'],
    ['all sites', {}, 'admin'],
  ] as const)('makes none that may do %s', async (_what, asked, own) => {
    const token = await house.token({ permission: own, sites: ['north'] });
    const refused = await house.ask('/tokens', {
      token,
      body: { name: 'child', permission: 'read', until: '1h', ...asked },
    });
    expect([refused.status, refused.body.code]).toEqual([403, 'forbidden']);
  });

  it('makes one that may do as much, which ends and is revoked with it', async () => {
    const parent = await house.token({ permission: 'admin', sites: ['north'] }, '2h');
    const ask = (until: string) =>
      house.ask('/tokens', { token: parent, body: { name: 'child', permission: 'admin', sites: ['north'], until } });
    expect((await ask('3h')).status).toBe(403);
    const { token: child, credential } = (await ask('1h')).body;
    expect(idsIn(await house.ask('/devices', { token: child }))).toContain('north-1');
    await house.gateway.operations.revokeToken({ id: parent.split('_')[1] ?? '' });
    expect((await house.ask('/devices', { token: child })).status).toBe(401);
    expect((await house.store.read.apiCredential(credential.id))?.revokedAt).toBeNull();
  });

  it('sees and revokes only those that its right is over', async () => {
    const all = (await house.ask('/tokens', { token: admin })).body.items;
    const seen = (await house.ask('/tokens', { token: north })).body.items;
    expect(seen.length).toBeLessThan(all.length);
    for (const each of seen) expect(each.sites).toEqual(['north']);
    const [, id = ''] = admin.split('_');
    expect((await house.ask(`/tokens/${id}/revoke`, { token: north, method: 'POST' })).status).toBe(404);
    expect((await house.ask('/fleet', { token: admin })).status).toBe(200);
  });

  it('is kept as a digest, and tells when it was used', async () => {
    const token = await house.token({ permission: 'read' });
    const [, id = ''] = token.split('_');
    expect((await house.store.read.apiCredential(id))?.lastUsedAt).toBeNull();
    await house.ask('/devices', { token });
    const kept = await house.store.read.apiCredential(id);
    expect(kept?.lastUsedAt).toBeGreaterThan(Date.now() - 60_000);
    expect(JSON.stringify(kept)).not.toContain(token.split('_')[2]);
    expect(JSON.stringify(house.log.lines)).not.toContain(token.split('_')[2]);
  });

  it('opens nothing once it has ended', async () => {
    const token = await house.token({ permission: 'read' }, '1s');
    const [, id = ''] = token.split('_');
    const { endsAt } = (await house.store.read.apiCredential(id)) ?? { endsAt: 0 };
    await new Promise((resolve) => setTimeout(resolve, endsAt - Date.now() + 5));
    expect((await house.ask('/devices', { token })).status).toBe(401);
  });
});

describe('the table of permissions', () => {
  it('has no resource for what is done on the gateway alone, and one for all the rest', () => {
    const offered = new Set(routes.map(({ operation }) => operation));
    const local = operationNames.filter((name) => permissionOf[name] === 'local');
    expect(local.filter((name) => offered.has(name))).toEqual([]);
    expect(operationNames.filter((name) => permissionOf[name] !== 'local' && !offered.has(name))).toEqual([]);
  });

  it('refuses what is local to every caller', async () => {
    const [, id = ''] = admin.split('_');
    const credential = await house.store.read.apiCredential(id);
    if (!credential) throw new Error('there is no such token');
    const actor = { name: 'x', channel: 'api', claimed: false, reason: null } as const;
    const operations = house.gateway.operationsFor(actor, { credential });
    const operator = { name: 'mallory', permission: 'admin', until: '1d' } as const;
    await expect(operations.addOperator(operator)).rejects.toMatchObject({ code: 'forbidden' });
    await expect(operations.issueDevice({ id: 'north-1' })).rejects.toMatchObject({ code: 'forbidden' });
  });
});
