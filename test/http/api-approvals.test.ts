// Changes that take two operators: who may approve them, and what is carried out.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../scenarios/harness.ts';
import { type ApiHouse, openApiHouse, plainApi } from './api.ts';

let house: ApiHouse;
let ana: string;
let ben: string;
beforeAll(async () => {
  house = await openApiHouse(plainApi.replace('}', ', approval: two, approvalAbove: 1 }'));
  ana = await house.token({ permission: 'operate' });
  ben = await house.token({ permission: 'operate' });
  for (const id of ['pump-1', 'pump-2', 'pump-3', 'pump-4']) {
    const issued = await house.device(id, { site: 'north' });
    await (await connect(house, issued, id)).endAsync(true);
  }
});
afterAll(() => house.close());

const statusOf = async (id: string): Promise<string | undefined> =>
  (await house.store.read.principal(id as never))?.status;
const post = (path: string, token: string, body?: object) => house.ask(path, { token, method: 'POST', body });

async function asked(path: string, token = ana, body?: object): Promise<string> {
  const { status, body: answer } = await post(path, token, body);
  expect([status, typeof answer.approval?.id]).toEqual([202, 'string']);
  return answer.approval.id;
}

describe('a change that takes two operators', () => {
  it('waits, and is carried out once another has approved it, in the name of both', async () => {
    const id = await asked('/devices/pump-1/decommission', ana, { reason: 'scrapped' });
    expect(await statusOf('pump-1')).toBe('active');
    expect((await house.ask('/approvals', { token: ben })).body.items).toMatchObject([
      { id, summary: 'decommission pump-1', input: { id: 'pump-1', reason: 'scrapped' } },
    ]);
    const { status, body } = await post(`/approvals/${id}/approve`, ben);
    expect([status, body.result]).toEqual([200, expect.objectContaining({ revoked: 1 })]);
    expect(await statusOf('pump-1')).toBe('decommissioned');
    const lines = await house.store.read.journalBetween({ at: 0, id: 0 }, Date.now() + 1, 1_000);
    const { entry } = lines.find((line) => line.entry.action === 'device.decommissioned') ?? {};
    expect(entry?.actor).toMatchObject({ name: expect.stringMatching(/^token .* for token /), reason: 'scrapped' });
    expect((await post(`/approvals/${id}/approve`, ben)).status).toBe(404);
  });

  it('is approved by nobody who asked for it, nor by what they made', async () => {
    const carla = await house.token({ permission: 'admin' });
    const made = { name: 'child', permission: 'operate', until: '1h' };
    const { token: child } = (await house.ask('/tokens', { token: carla, body: made })).body;
    const id = await asked('/devices/pump-2/decommission', carla);
    for (const token of [carla, child]) {
      expect((await post(`/approvals/${id}/approve`, token)).body).toMatchObject({ code: 'forbidden' });
    }
    expect(await statusOf('pump-2')).toBe('active');
    expect((await post(`/approvals/${id}/decline`, carla)).status).toBe(200);
    expect((await post(`/approvals/${id}/approve`, ben)).status).toBe(404);
  });

  it('is void once the credential of whoever asked is revoked', async () => {
    const dora = await house.token({ permission: 'operate' });
    const id = await asked('/devices/pump-2/decommission', dora);
    await house.gateway.operations.revokeToken({ id: dora.split('_')[1] ?? '' });
    expect((await post(`/approvals/${id}/approve`, ben)).status).toBe(409);
    expect(await statusOf('pump-2')).toBe('active');
  });

  it('is approved by nobody whose right does not cover it, and waits on', async () => {
    const id = await asked('/devices/pump-2/decommission');
    const south = await house.token({ permission: 'admin', sites: ['south'] });
    const reader = await house.token({ permission: 'read' });
    expect((await post(`/approvals/${id}/approve`, south)).status).toBe(404);
    expect((await house.ask('/approvals', { token: south })).body.items).toEqual([]);
    expect((await post(`/approvals/${id}/approve`, reader)).status).toBe(403);
    expect((await post(`/approvals/${id}/decline`, reader)).status).toBe(403);
    expect((await post(`/approvals/${id}/approve`, ben)).status).toBe(200);
  });

  it('is revoking a certificate, and a campaign above a size', async () => {
    const [certificate] = (await house.ask('/certificates?device=pump-3', { token: ana })).body.items;
    await asked(`/certificates/${certificate.fingerprint}/revoke`);
    expect((await house.store.read.certificate(certificate.fingerprint))?.revokedAt).toBeNull();
    const campaign = { reason: 'a new profile', site: 'north' };
    const waiting = await asked('/campaigns', ana, campaign);
    expect((await house.ask('/campaigns', { token: ana })).body.items).toEqual([]);
    expect((await post(`/approvals/${waiting}/approve`, ben)).body.result).toMatchObject({ state: 'running' });
    await house.gateway.operations.abortCampaign({
      id: (await house.ask('/campaigns', { token: ana })).body.items[0].id,
    });
    await house.gateway.operations.decommissionDevice({ id: 'pump-3' });
    expect((await post('/campaigns', ana, campaign)).status).toBe(200);
  });

  it('is refused at once where it could not be carried out, and only shown where that is asked', async () => {
    expect((await post('/devices/nobody/decommission', ana)).status).toBe(404);
    const reader = await house.token({ permission: 'read' });
    expect((await post('/devices/pump-4/decommission', reader)).status).toBe(403);
    expect((await post('/devices/pump-4/decommission', ana, { dryRun: true })).body).toHaveProperty('dryRun');
    expect((await post('/devices/pump-4/quarantine', ana)).status).toBe(200);
  });
});
