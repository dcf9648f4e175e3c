// Campaigns on the real broker with devices that renew themselves: through the cohorts on evidence, stopped by failures, paused, resumed
// and aborted, and taken up again after a restart.

import { afterEach, describe, expect, it } from 'vitest';
import type { CampaignView } from '../../src/app/views/campaigns.ts';
import type { Cohort } from '../../src/domain/principal.ts';
import type { Device } from '../../src/simulator/device.ts';
import { connect, type House, openHouse, Speaker } from './harness.ts';
import { connectDevice } from './simulated.ts';

const rules = `
rollout: { activatedShare: 100%, soak: 1s, failuresLeast: 2, failedShareMax: 10% }
classes:
  default: { lifetime: 1h, renewAt: 66%, spread: 0%, overlap: 2s, grace: 1h, retryFirst: 1s, retryMax: 1s, backdate: 0s }
  late: { renewAt: 95% }
`;

let house: House;
const devices: Device[] = [];
const speakers: Speaker[] = [];
afterEach(async () => {
  await Promise.all(devices.splice(0).map((device) => device.stop()));
  await Promise.all(speakers.splice(0).map(({ client }) => client.endAsync(true)));
  await house.close();
});

interface Planted {
  readonly cohort: Cohort;
  readonly class?: string;
  readonly modes?: readonly ('csr' | 'recertify')[];
  readonly slots?: number;
}

async function plant(id: string, more: Planted) {
  await house.gateway.operations.addDevice({ id, owner: 'tests', ...more });
  return house.gateway.operations.issueDevice({ id });
}

/** A device that renews itself, connected. */
async function simulate(id: string, more: Planted): Promise<Device> {
  const device = await connectDevice(id, await plant(id, more), house.gateway.ports.mqtt);
  devices.push(device);
  return device;
}

/** A device in the test's own hands. */
async function speak(id: string, more: Planted): Promise<Speaker> {
  const client = await connect(house, await plant(id, more), id);
  const speaker = await new Speaker(client, id).listen();
  speakers.push(speaker);
  await speaker.say({ word: 'hello', maxPacket: 4_096 });
  return speaker;
}

const start = (reason = 'a new profile'): Promise<CampaignView> =>
  house.gateway.operations.startCampaign({ reason, all: true });
const show = (id: string): Promise<CampaignView> => house.gateway.operations.showCampaign({ id });
const lineOf = (action: string, id: string, since = 0) => house.log.until(action, { 'nolapse.campaign': id }, since);

async function states(id: string): Promise<string[]> {
  const { certificates } = await house.gateway.operations.showDevice({ id });
  return certificates.map(({ state }) => state);
}

/** Alerts of campaigns that are open. */
async function standing(): Promise<string[]> {
  const open = await house.gateway.operations.listAlerts({ open: true, kind: 'rollout_stopped' });
  return open.map(({ kind, subject }) => `${kind} ${subject}`);
}

/** Renewals under a campaign, by device. */
async function renewalsIn(campaign: string) {
  const all = await house.gateway.operations.listRenewals({});
  return new Map(all.filter((each) => each.campaign === campaign).map((each) => [each.principalId as string, each]));
}

describe('a campaign', () => {
  it('goes through canary, early and broad on evidence, and replaces every certificate once', async () => {
    house = await openHouse({ yaml: rules });
    const ids = { canary: ['a-1', 'a-2', 'a-3'], early: ['b-1'], broad: ['c-1', 'c-2'] } as const;
    for (const cohort of ['canary', 'early', 'broad'] as const)
      for (const id of ids[cohort]) await simulate(id, { cohort });
    const { id } = await start();
    await lineOf('campaign.advanced', id);
    const passed = await renewalsIn(id);
    expect([...passed.keys()].filter((each) => each.startsWith('a')).sort()).toEqual([...ids.canary]);
    expect([...passed.keys()].some((each) => each.startsWith('c'))).toBe(false);
    await lineOf('campaign.finished', id);
    const ended = await show(id);
    expect(ended).toMatchObject({ state: 'done', leftOut: 0 });
    expect(ended.cohorts.map(({ cohort, members, activated }) => [cohort, members, activated])).toEqual([
      ['canary', 3, 3],
      ['early', 1, 1],
      ['broad', 2, 2],
    ]);
    expect(house.log.count('campaign.reached')).toBe(3);
    expect((await renewalsIn(id)).size).toBe(6);
    // Nothing that it has brought is older than its start.
    expect(await states('c-2')).toHaveLength(2);
  });

  it('stops by itself when canaries fail, alarms, and goes on when somebody has taken note', async () => {
    house = await openHouse({ yaml: rules });
    const canaries = [await speak('a-1', { cohort: 'canary' }), await speak('a-2', { cohort: 'canary' })];
    await simulate('a-3', { cohort: 'canary' });
    await simulate('c-1', { cohort: 'broad' });
    const { id } = await start();
    for (const canary of canaries) {
      const { renewal } = await canary.next('offer');
      await canary.say({ word: 'ack', renewal, status: 'failed', code: 'no_space', detail: 'full' });
    }
    await lineOf('campaign.stopped', id);
    const alert = { 'event.reason': 'rollout_stopped', 'nolapse.alert.subject': id };
    await house.log.until('alert.raised', { ...alert, 'nolapse.alert.severity': 'critical' });
    expect(await show(id)).toMatchObject({
      state: 'stopped',
      cohort: 'canary',
      detail: '2 of 3 renewals of cohort canary failed, more than 10%',
    });
    expect((await renewalsIn(id)).has('c-1')).toBe(false);
    expect(await standing()).toEqual([`rollout_stopped ${id}`]);
    expect(await house.gateway.operations.resumeCampaign({ id })).toMatchObject({ state: 'running', forgiven: 2 });
    await house.log.until('alert.cleared', alert);
    expect(await standing()).toEqual([]);
    // Two canaries are still not activated: it waits for them, and does not stop for the same failures.
    await house.gateway.operations.decommissionDevice({ id: 'a-1' });
    await house.gateway.operations.decommissionDevice({ id: 'a-2' });
    await lineOf('campaign.finished', id);
    expect(house.log.count('campaign.stopped')).toBe(1);
    expect(house.log.count('alert.raised', alert)).toBe(1);
    expect((await renewalsIn(id)).get('c-1')).toBeDefined();
  });

  it('that stopped and is aborted has its alert cleared, once', async () => {
    house = await openHouse({ yaml: rules });
    const canaries = [await speak('a-1', { cohort: 'canary' }), await speak('a-2', { cohort: 'canary' })];
    const { id } = await start();
    for (const canary of canaries) {
      const { renewal } = await canary.next('offer');
      await canary.say({ word: 'ack', renewal, status: 'failed', code: 'no_space', detail: 'full' });
    }
    const alert = { 'event.reason': 'rollout_stopped', 'nolapse.alert.subject': id };
    await house.log.until('alert.raised', alert);
    // Held is not settled: what stopped it stands.
    await house.restart();
    expect(await standing()).toEqual([`rollout_stopped ${id}`]);
    for (let i = 0; i < 2; i += 1) await house.gateway.operations.abortCampaign({ id });
    await house.log.until('alert.cleared', alert);
    expect(await standing()).toEqual([]);
    expect([house.log.count('alert.raised', alert), house.log.count('alert.cleared', alert)]).toEqual([1, 1]);
  });

  it('that is paused holds back what is not offered, but no device whose slack is nearly gone; and goes on after a restart', async () => {
    const clock = { offset: 0, now: () => Date.now() + clock.offset };
    house = await openHouse({ yaml: rules, clock });
    // Asleep: its renewal is opened, and cannot be offered yet.
    const sleeper = await plant('a-1', { cohort: 'canary' });
    const urgent = await plant('a-2', { cohort: 'canary', class: 'late' });
    for (const [id, issued] of [
      ['a-1', sleeper],
      ['a-2', urgent],
    ] as const) {
      await (await connect(house, issued, id)).endAsync();
    }
    const { id } = await start();
    await expect.poll(async () => (await renewalsIn(id)).size).toBe(2);
    await house.gateway.operations.pauseCampaign({ id });
    const awake = await new Speaker(await connect(house, sleeper, 'a-1'), 'a-1').listen();
    speakers.push(awake);
    await awake.say({ word: 'hello', slots: 2 });
    await expect.poll(async () => (await house.gateway.operations.showDevice({ id: 'a-1' })).contact?.slots).toBe(2);
    await house.restart();
    expect(await show(id)).toMatchObject({ state: 'paused' });
    expect((await renewalsIn(id)).get('a-1')).toMatchObject({ state: 'due', attempts: 0 });
    // 91% of its life are over: not due by its own policy, and not to be held back any more.
    clock.offset = 55 * 60_000;
    const since = house.log.lines.length;
    const late = await new Speaker(await connect(house, urgent, 'a-2'), 'a-2').listen();
    speakers.push(late);
    await late.next('offer');
    await house.log.until('campaign.overridden', { 'nolapse.principal': 'a-2', 'nolapse.campaign': id }, since);
    // The other has become due by its own policy meanwhile: ordinary renewals go on.
    const third = await new Speaker(await connect(house, sleeper, 'a-1'), 'a-1').listen();
    speakers.push(third);
    await third.next('offer');
    expect(house.log.count('campaign.overridden', { 'nolapse.principal': 'a-2' })).toBeGreaterThan(0);
  });

  it('offers what it has held back once it is resumed', async () => {
    house = await openHouse({ yaml: rules });
    const issued = await plant('a-1', { cohort: 'canary' });
    await (await connect(house, issued, 'a-1')).endAsync();
    const { id } = await start();
    await expect.poll(async () => (await renewalsIn(id)).size).toBe(1);
    await house.gateway.operations.pauseCampaign({ id });
    const speaker = await new Speaker(await connect(house, issued, 'a-1'), 'a-1').listen();
    speakers.push(speaker);
    await speaker.say({ word: 'hello', slots: 2 });
    await expect.poll(async () => (await house.gateway.operations.showDevice({ id: 'a-1' })).contact?.slots).toBe(2);
    expect(speaker.heard).toEqual([]);
    await house.gateway.operations.resumeCampaign({ id });
    await speaker.next('offer');
  });

  it('that is aborted cancels what is not issued, and gives each certificate its own due date again', async () => {
    house = await openHouse({ yaml: rules });
    const speaker = await speak('a-1', { cohort: 'canary' });
    const before = (await house.gateway.operations.showDevice({ id: 'a-1' })).certificates[0];
    const { id } = await start();
    const { renewal } = await speaker.next('offer');
    await house.gateway.operations.abortCampaign({ id });
    await house.log.until('renewal.cancelled', { 'nolapse.renewal': renewal });
    const { certificates, renewals } = await house.gateway.operations.showDevice({ id: 'a-1' });
    expect(certificates).toEqual([{ ...before, lastSeenAt: certificates[0]?.lastSeenAt }]);
    expect(certificates[0]?.renewAt).toBeGreaterThan(Date.now());
    expect(renewals.map(({ state }) => state)).toEqual(['cancelled']);
    await expect(house.gateway.operations.resumeCampaign({ id })).rejects.toThrow(`campaign ${id} is aborted`);
  });

  it('for keys in the wrong hands has new ones made, and revokes the old certificates with that reason', async () => {
    house = await openHouse({ yaml: rules });
    await simulate('a-1', { cohort: 'canary', modes: ['recertify', 'csr'] });
    await speak('a-2', { cohort: 'canary', modes: ['recertify'] });
    const { id } = await house.gateway.operations.startCampaign({
      reason: 'leaked',
      reasonCode: 'keyCompromise',
      all: true,
    });
    await lineOf('campaign.left_out', id);
    await house.log.until('renewal.retired', { 'nolapse.principal': 'a-1' });
    const { certificates } = await house.gateway.operations.showDevice({ id: 'a-1' });
    const [fresh, old] = certificates;
    expect(fresh?.keyFingerprint).not.toBe(old?.keyFingerprint);
    expect(old).toMatchObject({ state: 'retired', revocationReason: 'keyCompromise' });
    expect((await renewalsIn(id)).get('a-1')).toMatchObject({ mode: 'csr' });
    expect((await show(id)).leftOut).toBe(1);
  });
});

describe('a drill', () => {
  it('over a cohort in which nobody can be renewed is no proof: it stops and says so, as a campaign for nobody does', async () => {
    house = await openHouse({ yaml: rules });
    await plant('b-1', { cohort: 'early' });
    const drill = await house.gateway.operations.startCampaign({ reason: 'drill', drill: true, cohort: 'canary' });
    await lineOf('campaign.stopped', drill.id);
    expect(await show(drill.id)).toMatchObject({
      state: 'stopped',
      detail: expect.stringContaining('nothing was proven'),
    });
    const alerts = await house.gateway.operations.listAlerts({ kind: 'rollout_stopped', limit: 10 });
    expect(alerts).toMatchObject([{ subject: drill.id, clearedAt: null }]);
    const campaign = await house.gateway.operations.startCampaign({
      reason: 'nobody has a certificate in use',
      all: true,
    });
    await lineOf('campaign.finished', campaign.id);
    const detail = expect.stringContaining('nothing was replaced');
    expect(await show(campaign.id)).toMatchObject({ state: 'done', detail });
  });

  it('proves that a cohort renews and retires nothing; the old certificate keeps its due date, and the next renewal replaces both', async () => {
    house = await openHouse({ yaml: rules });
    const device = await simulate('a-1', { cohort: 'canary' });
    await plant('a-2', { cohort: 'canary', slots: 1 }).then(async (issued) => {
      await (await connect(house, issued, 'a-2')).endAsync();
    });
    await simulate('b-1', { cohort: 'early' });
    const [before] = (await house.gateway.operations.showDevice({ id: 'a-1' })).certificates;
    const done = device.once('done');
    const { id } = await house.gateway.operations.startCampaign({ reason: 'drill', drill: true, cohort: 'canary' });
    await lineOf('campaign.finished', id);
    // The device is told to keep what it has until that ends by itself.
    expect((await done).retires).toBe(Math.floor((before?.notAfter ?? 0) / 1_000));
    expect(await states('a-1')).toEqual(['active', 'active']);
    const [fresh, old] = (await house.gateway.operations.showDevice({ id: 'a-1' })).certificates;
    expect(old).toMatchObject({ fingerprint: before?.fingerprint, state: 'active', renewAt: before?.renewAt });
    expect(fresh).toMatchObject({ state: 'active', renewAt: null });
    expect(await states('a-2')).toEqual(['active']);
    expect(await states('b-1')).toEqual(['active']);
    expect(await show(id)).toMatchObject({ state: 'done', leftOut: 1, drill: true });
    const { dark } = await house.gateway.operations.forecast({ days: 1 });
    expect(dark).toBe(0);
    await house.gateway.operations.lookOver();
    const findings = await house.gateway.operations.listFindings({ limit: 10 });
    expect(findings.filter(({ subject }) => subject === 'a-1').map(({ kind }) => kind)).toEqual(['several_active']);
    // Now its own time comes.
    const since = house.log.lines.length;
    await house.gateway.operations.runRenewal({ device: 'a-1' });
    await house.log.until('renewal.activated', { 'nolapse.principal': 'a-1' }, since);
    await expect.poll(() => states('a-1')).toEqual(['active', 'retired', 'retired']);
    // A renewal ends in the step of the sweep after that of its certificate.
    const ended = async () =>
      (await house.gateway.operations.showDevice({ id: 'a-1' })).renewals.map(({ state }) => state);
    await expect.poll(ended).toEqual(['retired', 'retired']);
  });
});
