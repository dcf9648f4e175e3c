// Campaigns as an operator has them: begun, looked at, paused, resumed, aborted. What follows from it the heartbeat does.
import { type RevocationReason, revocationReasons } from '../../domain/certificate.ts';
import { type Cohort, cohorts, holdsBack } from '../../domain/rollout.ts';
import { parseDate } from '../../domain/time.ts';
import type { StoredCampaign } from '../../ports/campaigns.ts';
import { type Change, change } from '../change.ts';
import type { App } from '../context.ts';
import { OperationError } from '../operations.ts';
import { shortId } from '../short-id.ts';
import type { CampaignView, NewCampaign } from './campaign-view.ts';
import { evidence } from './walk-campaigns.ts';

const reasonMax = 256;
/** Campaigns that run or are paused at a time: each is gone through the whole inventory for. */
const atOnceMax = 16;

/** Rejects with `invalid`, every fault named, or `conflict` when there are too many already. */
export function startCampaign(app: App, input: NewCampaign): Promise<CampaignView> {
  return change(app, async (within) => {
    const { tx, now, record } = within;
    const campaign = read(within, input, await strangersIn(within, input));
    const others = (await tx.unfinishedCampaigns()).filter(({ state }) => state === 'running' || state === 'paused');
    if (others.length >= atOnceMax) {
      throw new OperationError('conflict', [`${others.length} campaigns are under way, and no more at a time`]);
    }
    await tx.putCampaign(campaign);
    const what = campaign.drill ? `drill over cohort ${campaign.cohort}` : 'campaign';
    await record({
      action: 'campaign.started',
      message: `${what} ${campaign.id} begins: ${campaign.reason}`,
      fields: { 'nolapse.campaign': campaign.id },
    });
    return viewOf(within.tx, campaign, now);
  });
}

/** A class or a site that nobody is in: a campaign over it would be done at once, and prove nothing. */
async function strangersIn({ app, tx }: Change, { class: name, site }: NewCampaign): Promise<string[]> {
  const faults: string[] = [];
  if (name !== undefined && !app.policies.set.has(name)) faults.push(`class: ${name} is not configured`);
  if (site !== undefined && (await tx.principals({ site }, { limit: 1 })).length === 0) {
    faults.push(`site: no device in the inventory is at the site "${site}"`);
  }
  return faults;
}

function read({ app, now }: Change, input: NewCampaign, strangers: readonly string[]): StoredCampaign {
  const faults: string[] = [...strangers];
  const reason = input.reason.trim();
  if (reason === '' || reason.length > reasonMax) faults.push(`reason: expected 1 to ${reasonMax} characters`);
  const issuedBefore = input.issuedBefore === undefined ? now : parseDate(input.issuedBefore);
  if (issuedBefore === null) faults.push('issued-before: not a date such as 2030-01-31, or a time');
  else if (issuedBefore > now) faults.push('issued-before: in the future, it would replace its own replacements');
  const cohort = input.cohort === undefined ? 'canary' : cohortNamed(input.cohort);
  if (cohort === null) faults.push(`cohort: not one of ${cohorts.join(', ')}`);
  if (input.cohort !== undefined && input.drill !== true) faults.push('cohort: a campaign begins with the canaries');
  const { reasonCode } = input;
  if (reasonCode !== undefined && !Object.hasOwn(revocationReasons, reasonCode)) {
    faults.push(`reason-code: not one of ${Object.keys(revocationReasons).join(', ')}`);
  }
  if (reasonCode !== undefined && input.drill === true) faults.push('reason-code: a drill revokes nothing');
  if (faults.length > 0 || issuedBefore === null || cohort === null) throw new OperationError('invalid', faults);
  return {
    id: shortId(app.entropy),
    reason,
    drill: input.drill ?? false,
    state: 'running',
    cohort,
    issuedBefore,
    class: input.class ?? null,
    site: input.site ?? null,
    otherIssuer: input.otherIssuer ?? false,
    reasonCode: (reasonCode as RevocationReason | undefined) ?? null,
    startedAt: now,
    cohortAt: now,
    reachedAt: null,
    forgiven: 0,
    detail: null,
    heldUntil: null,
    walkedTo: '',
    walked: false,
    leftOut: 0,
    task: null,
    taskAt: '',
  };
}

function cohortNamed(text: string): Cohort | null {
  return cohorts.find((cohort) => cohort === text) ?? null;
}

/** The newest first. */
export async function listCampaigns({ store, clock }: App, limit: number): Promise<CampaignView[]> {
  const campaigns = await store.read.campaigns(limit);
  return Promise.all(campaigns.map((campaign) => viewOf(store.read, campaign, clock.now())));
}

/** Rejects with `not_found`. */
export async function showCampaign({ store, clock }: App, id: string): Promise<CampaignView> {
  return viewOf(store.read, await mustFind(store.read, id), clock.now());
}

/** Nothing more is opened or offered under it; what was offered goes on. Twice is once. */
export function pauseCampaign(app: App, id: string): Promise<CampaignView> {
  return turn(app, id, ['running'], 'paused', async ({ record, tx }, campaign) => {
    await tx.putCampaign({ ...campaign, state: 'paused' });
    await record({
      action: 'campaign.paused',
      message: `campaign ${id} is paused`,
      fields: { 'nolapse.campaign': id },
    });
  });
}

/** Goes on, also after it stopped by itself: the failures there are by then stop it no more. */
export function resumeCampaign(app: App, id: string): Promise<CampaignView> {
  return turn(app, id, ['paused', 'stopped'], 'running', async (within, campaign) => {
    const { record, tx } = within;
    const { failed } = evidence(campaign, await tx.campaignProgress(id));
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
export function abortCampaign(app: App, id: string): Promise<CampaignView> {
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
function turn(
  app: App,
  id: string,
  from: readonly StoredCampaign['state'][],
  to: StoredCampaign['state'],
  work: (within: Change, campaign: StoredCampaign) => Promise<void>,
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

type Reader = Pick<App['store']['read'], 'campaign' | 'campaignProgress'>;

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
      const { members, activated, failed } = evidence({ ...campaign, cohort }, progress);
      return progress[cohort] ? [{ cohort, members, activated, failed, states: progress[cohort] }] : [];
    }),
  };
}
