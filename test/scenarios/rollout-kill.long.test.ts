// The broker is killed with SIGKILL at each step of a campaign and started again: it goes on where it was, and replaces each certificate
// once.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { CampaignView } from '../../src/app/views/campaigns.ts';
import type { DeviceView, IssuedView } from '../../src/app/views/devices.ts';
import type { Device } from '../../src/simulator/device.ts';
import { Mortal } from './mortal.ts';
import { connectDevice } from './simulated.ts';

const yaml = (port: number): string => `
mqtt: { port: ${port} }
http: { port: 0 }
sweep: { interval: 100ms }
rollout: { activatedShare: 100%, soak: 200ms }
classes:
  default: { lifetime: 1h, renewAt: 66%, spread: 0%, overlap: 1s, grace: 1h, retryFirst: 1s, retryMax: 1s, backdate: 0s }
`;
const fleet = { 'a-1': 'canary', 'a-2': 'canary', 'b-1': 'early', 'c-1': 'broad' } as const;
const steps = [
  'campaign.started',
  'renewal.due',
  'renewal.issued',
  'renewal.activated',
  'campaign.reached',
  'campaign.advanced',
  'campaign.finished',
];

let home: string;
let gateway: Mortal;
const devices: Device[] = [];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'nolapse-kill-'));
  writeFileSync(join(home, 'nolapse.yaml'), yaml(0));
});
afterEach(async () => {
  await Promise.all(devices.splice(0).map((device) => device.stop()));
  await gateway.kill();
  rmSync(home, { recursive: true, force: true });
});

it('a campaign survives a kill at each of its steps, and replaces each certificate once', {
  timeout: 180_000,
}, async () => {
  gateway = await Mortal.start(home);
  const { mqtt } = gateway.ports;
  const first = new Map<string, IssuedView>();
  for (const [id, cohort] of Object.entries(fleet)) {
    await gateway.call('addDevice', { id, owner: 'tests', cohort });
    first.set(id, await gateway.call('issueDevice', { id }));
  }
  await gateway.kill();
  writeFileSync(join(home, 'nolapse.yaml'), yaml(mqtt));
  gateway = await Mortal.start(home);
  for (const [id, issued] of first) devices.push(await connectDevice(id, issued, mqtt));
  const [starting, ...others] = steps;
  await gateway.kill();
  gateway = await Mortal.start(home, starting);
  await expect(gateway.call('startCampaign', { reason: 'a new issuer', all: true })).rejects.toThrow(
    'the broker ended',
  );
  for (const step of others) {
    gateway = await Mortal.start(home, step);
    expect(await gateway.death()).toBe('SIGKILL');
  }
  gateway = await Mortal.start(home);
  const [campaign] = await gateway.call<CampaignView[]>('listCampaigns', {});
  expect(campaign).toMatchObject({ state: 'done', reason: 'a new issuer' });
  expect(campaign?.cohorts.map(({ cohort, members, activated }) => [cohort, members, activated])).toEqual([
    ['canary', 2, 2],
    ['early', 1, 1],
    ['broad', 1, 1],
  ]);
  for (const id of Object.keys(fleet)) {
    const { renewals, certificates } = await gateway.call<DeviceView>('showDevice', { id });
    expect(renewals.map((each) => each.campaign)).toEqual([campaign?.id]);
    expect(certificates).toHaveLength(2);
  }
});
