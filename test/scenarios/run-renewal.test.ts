// What the runbook says a hand can do about one device: `renewal run` sets going what is open and goes no further, whatever holds it.
import { afterEach, describe, expect, it } from 'vitest';
import type { IssuedView } from '../../src/app/views/devices.ts';
import type { Renewal } from '../../src/domain/renewal.ts';
import { type Credentials, connackOf, connect, type House, newRequest, openHouse, pemOf, Speaker } from './harness.ts';
import { connectDevice } from './simulated.ts';

const yaml = (more = '') => `
rollout: { activatedShare: 100%, soak: 1h, failuresLeast: 1, failedShareMax: 10% }
classes:
  default: { lifetime: 1h, renewAt: 66%, spread: 0%, overlap: 2s, grace: 1h, retryFirst: 10m, retryMax: 10m${more} }
`;

let house: House;
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
  await house.close();
});

async function come(id: string, credentials: Credentials, hello = true): Promise<Speaker> {
  const client = await connect(house, credentials, id);
  ends.push(() => client.endAsync(true));
  const speaker = await new Speaker(client, id).listen();
  if (hello) await speaker.say({ word: 'hello', maxPacket: 4_096 });
  return speaker;
}

const run = (device: string): Promise<Renewal> => house.gateway.operations.runRenewal({ device });
const renewalsOf = (device: string) => house.gateway.operations.listRenewals({ device });
const openAlerts = async () => (await house.gateway.operations.listAlerts({ open: true })).map(({ kind }) => kind);

/** A device of a campaign, known and away when the campaign opened its renewal. */
async function asleep(id: string): Promise<IssuedView> {
  await house.gateway.operations.addDevice({ id, owner: 'tests', cohort: 'canary' });
  const issued = await house.gateway.operations.issueDevice({ id });
  await (await connect(house, issued, id)).endAsync();
  return issued;
}

describe('a renewal that is run by hand', () => {
  it("goes on although its campaign has stopped, stays the campaign's, and leaves all others held back", async () => {
    house = await openHouse({ yaml: yaml() });
    const [broken, mended, other] = [await asleep('a-1'), await asleep('a-2'), await asleep('a-3')];
    const { id } = await house.gateway.operations.startCampaign({ reason: 'a new profile', all: true });
    await expect.poll(async () => (await house.gateway.operations.listRenewals({})).length).toBe(3);
    const failing = await come('a-1', broken);
    const { renewal } = await failing.next('offer');
    await failing.say({ word: 'csr', renewal, csr: (await newRequest('a-1')).csr });
    await failing.next('cert');
    await failing.say({ word: 'ack', renewal, status: 'failed', code: 'no_space' });
    await house.log.until('campaign.stopped');

    const device = await connectDevice('a-2', mended, house.gateway.ports.mqtt);
    ends.push(() => device.stop());
    const held = await come('a-3', other);
    const contact = async () => (await house.gateway.operations.showDevice({ id: 'a-3' })).contact?.packetBytesMax;
    await expect.poll(contact).toBe(4_096);
    expect((await renewalsOf('a-2'))[0]).toMatchObject({ state: 'due', releasedAt: null });

    expect(await run('a-2')).toMatchObject({ campaign: id, releasedAt: expect.any(Number) });
    await house.log.until('campaign.overridden', { 'nolapse.principal': 'a-2', 'nolapse.campaign': id });
    await house.log.until('renewal.activated', { 'nolapse.principal': 'a-2' });
    await run('a-2');
    const view = await house.gateway.operations.showCampaign({ id });
    expect(view).toMatchObject({ state: 'stopped', cohorts: [{ members: 3, activated: 1, failed: 1 }] });
    expect(held.heard).toEqual([]);
    expect((await renewalsOf('a-3'))[0]).toMatchObject({ state: 'due', releasedAt: null });
  });

  it('that was installed and never seen is offered once more, and what the device may hold is good meanwhile', async () => {
    house = await openHouse({ yaml: yaml() });
    const first = await house.device('dev-1');
    const speaker = await come('dev-1', first);
    const { id } = await run('dev-1');
    const { renewal } = await speaker.next('offer');
    const { csr, keyPem } = await newRequest('dev-1');
    await speaker.say({ word: 'csr', renewal, csr });
    const cert = await speaker.next('cert');
    await speaker.say({ word: 'ack', renewal, status: 'installed' });
    await house.log.until('renewal.installed');
    await run('dev-1');
    expect(await speaker.next('offer')).toMatchObject({ renewal: id });
    await house.restart();
    const again = await come('dev-1', first, false);
    await again.next('offer');
    expect(await connackOf(house, { certificatePem: pemOf(cert.certificates), keyPem }, 'dev-1')).toBe(0);
    await house.log.until('renewal.activated', { 'nolapse.renewal': id });
  });

  it('that has failed is offered at once, and not only when its pause is over', async () => {
    house = await openHouse({ yaml: yaml() });
    const speaker = await come('dev-1', await house.device('dev-1'));
    await run('dev-1');
    const { renewal } = await speaker.next('offer');
    await speaker.say({ word: 'ack', renewal, status: 'failed', code: 'no_space' });
    await house.log.until('renewal.failed');
    await run('dev-1');
    expect(await speaker.next('offer')).toMatchObject({ renewal });
  });

  it('is opened in another key mode where the one it was opened in fits no more', async () => {
    house = await openHouse({ yaml: yaml(', keyModes: [keygen]') });
    const speaker = await come('dev-1', await house.device('dev-1'));
    const vain = await run('dev-1');
    expect(vain.mode).toBe('keygen');
    await expect.poll(openAlerts).toEqual(['renewal_failed']);
    expect((await run('dev-1')).id).toBe(vain.id);
    house.configure(yaml(', keyModes: [csr]'));
    await house.gateway.operations.reload();
    const anew = await run('dev-1');
    expect(anew.mode).toBe('csr');
    expect((await renewalsOf('dev-1')).map(({ id, state }) => [id, state])).toContainEqual([vain.id, 'cancelled']);
    await expect.poll(() => speaker.heard.some((each) => each.word === 'offer' && each.mode === 'csr')).toBe(true);
    await speaker.say({ word: 'csr', renewal: anew.id, csr: (await newRequest('dev-1')).csr });
    await speaker.next('cert');
    const { certificates } = await house.gateway.operations.showDevice({ id: 'dev-1' });
    expect(certificates.filter(({ state }) => state === 'issued')).toHaveLength(1);
  });
});
