// Campaigns under way at a time: as many as may be, whether they were begun or resumed.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { abortCampaign, resumeCampaign, startCampaign } from '../../src/app/rollout/campaigns.ts';
import { campaignsUnderWayMax } from '../../src/domain/rollout.ts';
import { type Assembled, assembled } from './assembled.ts';

let parts: Assembled;
beforeEach(async () => {
  parts = await assembled();
});
afterEach(() => parts.close());

const start = async (reason: string): Promise<string> =>
  (await startCampaign(parts.app, { reason, otherIssuer: true })).id;

const tooMany = {
  code: 'conflict',
  faults: [`${campaignsUnderWayMax} campaigns are under way, which is the most at a time`],
};

it('no more are begun, and none that stopped is resumed, until one of them ends', async () => {
  const { app } = parts;
  const stopped = await start('stopped');
  await app.store.transact(async (tx) => {
    const campaign = await tx.campaign(stopped);
    if (campaign) await tx.putCampaign({ ...campaign, state: 'stopped', detail: 'too many failed' });
  });
  const first = await start('the first');
  for (let i = 1; i < campaignsUnderWayMax; i += 1) await start(`number ${i}`);
  await expect(start('one too many')).rejects.toMatchObject(tooMany);
  await expect(resumeCampaign(app, stopped)).rejects.toMatchObject(tooMany);
  await abortCampaign(app, first);
  expect(await resumeCampaign(app, stopped)).toMatchObject({ state: 'running' });
  await expect(start('one too many again')).rejects.toMatchObject(tooMany);
});
