// Campaigns as an operator has them: begun, looked at, paused, resumed, aborted. What follows from it the heartbeat does.
import { cohorts } from '../../domain/principal.ts';
import { campaignsUnderWayMax, holdsBack, isUnderWay } from '../../domain/rollout.ts';
import type { StoredCampaign } from '../../ports/campaigns.ts';
import { type Change, type Changing, change } from '../change.ts';
import type { Context } from '../context.ts';
import { OperationError } from '../operation-error.ts';
import type { CampaignView, NewCampaign, StartedCampaign } from '../views/campaigns.ts';
import { type PreviewCampaignContext, previewCampaign, wholeFleetFault } from './preview-campaign.ts';
import { readCampaign } from './read-campaign.ts';
import { resultsOf } from './walk-campaigns.ts';

type CampaignsContext = PreviewCampaignContext & Changing;

/**
 * Rejects with `invalid`, every fault named, also where it means the whole fleet and does not say so; with `conflict` when there are too
 * many already. The answer says how much it means.
 */
export async function startCampaign(app: CampaignsContext, input: NewCampaign): Promise<StartedCampaign> {
  const { needsAll, meant } = await previewCampaign(app, input);
  if (needsAll) throw new OperationError('invalid', [wholeFleetFault(meant)]);
  const view = await change(app, async (within) => {
    const { tx, now, record } = within;
    const campaign = await readCampaign(within, input);
    await objectToMany(tx);
    await tx.putCampaign(campaign);
    const what = campaign.drill ? `drill over cohort ${campaign.cohort}` : 'campaign';
    await record({
      action: 'campaign.started',
      message: `${what} ${campaign.id} begins: ${campaign.reason}`,
      fields: { 'nolapse.campaign': campaign.id },
    });
    return viewOf(within.tx, campaign, now);
  });
  return { ...view, meant };
}

/** The store holds to it too, whoever begins one at the same moment. */
async function objectToMany(tx: Pick<Context['store']['read'], 'unfinishedCampaigns'>): Promise<void> {
  const { length } = (await tx.unfinishedCampaigns()).filter(isUnderWay);
  if (length < campaignsUnderWayMax) return;
  throw new OperationError('conflict', [`${length} campaigns are under way, which is the most at a time`]);
}

/** The newest first. */
export async function listCampaigns(
  { store, clock }: Pick<Context, 'store' | 'clock'>,
  limit: number,
): Promise<CampaignView[]> {
  const campaigns = await store.read.campaigns(limit);
  return Promise.all(campaigns.map((campaign) => viewOf(store.read, campaign, clock.now())));
}

/** Rejects with `not_found`. */
export async function showCampaign(
  { store, clock }: Pick<Context, 'store' | 'clock'>,
  id: string,
): Promise<CampaignView> {
  return viewOf(store.read, await mustFind(store.read, id), clock.now());
}

/** Nothing more is opened or offered under it; what was offered goes on. Twice is once. */
export function pauseCampaign(app: Changing, id: string): Promise<CampaignView> {
  return turn(app, id, ['running'], 'paused', async ({ record, tx }, campaign) => {
    await tx.putCampaign({ ...campaign, state: 'paused' });
    await record({
      action: 'campaign.paused',
      message: `campaign ${id} is paused`,
      fields: { 'nolapse.campaign': id },
    });
  });
}

/** Goes on, also after it stopped by itself, unless too many others are under way: the failures there are by then stop it no more. */
export function resumeCampaign(app: Changing, id: string): Promise<CampaignView> {
  return turn(app, id, ['paused', 'stopped'], 'running', async (within, campaign) => {
    const { record, tx } = within;
    if (!isUnderWay(campaign)) await objectToMany(tx);
    const { failed } = resultsOf(campaign, await tx.campaignProgress(id));
    const forgiven = campaign.state === 'stopped' ? failed : campaign.forgiven;
    const released = { task: 'release', taskAt: '', heldUntil: within.now } as const;
    await tx.putCampaign({ ...campaign, state: 'running', detail: null, forgiven, ...released });
    await record({
      action: 'campaign.resumed',
      message: `campaign ${id} goes on${campaign.state === 'stopped' ? `, with ${failed} failures taken note of` : ''}`,
      fields: { 'nolapse.campaign': id },
    });
    await within.clearAlert({ kind: 'rollout_stopped', subject: id });
  });
}

/** Ends it: what it has not had issued is called off. */
export function abortCampaign(app: Changing, id: string): Promise<CampaignView> {
  return turn(app, id, ['running', 'paused', 'stopped'], 'aborted', async (within, campaign) => {
    const heldUntil = holdsBack(campaign) ? within.now : campaign.heldUntil;
    await within.tx.putCampaign({ ...campaign, state: 'aborted', task: 'call_off', taskAt: '', heldUntil });
    await within.record({
      action: 'campaign.aborted',
      message: `campaign ${id} is aborted`,
      fields: { 'nolapse.campaign': id },
    });
    await within.clearAlert({ kind: 'rollout_stopped', subject: id });
  });
}

/** Takes a campaign from one of these states to another; one that is in it already stays as it is. */
function turn<Given extends Changing>(
  app: Given,
  id: string,
  from: readonly StoredCampaign['state'][],
  to: StoredCampaign['state'],
  work: (within: Change<Given>, campaign: StoredCampaign) => Promise<void>,
): Promise<CampaignView> {
  return change(app, async (within) => {
    const campaign = await mustFind(within.tx, id);
    if (campaign.state !== to) {
      if (!from.includes(campaign.state)) throw new OperationError('conflict', [`campaign ${id} is ${campaign.state}`]);
      await work(within, campaign);
    }
    return viewOf(within.tx, await mustFind(within.tx, id), within.now);
  });
}

type Reader = Pick<Context['store']['read'], 'campaign' | 'campaignProgress'>;

async function mustFind(read: Reader, id: string): Promise<StoredCampaign> {
  const campaign = await read.campaign(id);
  if (!campaign) throw new OperationError('not_found', [`no campaign ${id}`]);
  return campaign;
}

async function viewOf(read: Reader, campaign: StoredCampaign, now: number): Promise<CampaignView> {
  const { walkedTo: _, walked: __, task, taskAt: ___, ...rest } = campaign;
  const progress = await read.campaignProgress(campaign.id);
  return {
    ...rest,
    now,
    busy: task !== null || (campaign.state === 'running' && !campaign.walked),
    cohorts: cohorts.flatMap((cohort) => {
      const { members, activated, failed } = resultsOf({ ...campaign, cohort }, progress);
      return progress[cohort] ? [{ cohort, members, activated, failed, states: progress[cohort] }] : [];
    }),
  };
}
