// Takes campaigns on, a beat at a time: goes through the present cohort in batches, sees what has come of it, and moves on, stops or ends.
// Each step is one transaction and may be cut off after any of them.
import type { Principal } from '../../domain/principal.ts';
import { holdsCertificate, type Renewal } from '../../domain/renewal.ts';
import { type CohortResults, nextStep, type RolloutStep } from '../../domain/rollout.ts';
import type { CampaignProgress, StoredCampaign } from '../../ports/campaigns.ts';
import type { Reader } from '../../ports/store.ts';
import { type Change, type Changing, change, step } from '../change.ts';
import type { Context } from '../context.ts';
import { isDrill } from '../renewal/drill.ts';
import { dueAt, resumeWithin } from '../renewal/due.ts';
import { owePrompt } from '../renewal/last-chance.ts';
import type { WithTurns } from '../turns.ts';
import { coverage, type JoinCampaignContext, joinPrincipal } from './join-campaign.ts';
import { type IsOtherIssuer, NotVerified, nobodyVerified, verifyIssuers, type WithIssuers } from './other-issuer.ts';

export type WalkCampaignsContext = JoinCampaignContext & Changing & Pick<Context, 'settings'> & WithTurns;

/** Batches of one campaign in a beat; the next goes on. */
const batchesMax = 20;

/** Does what campaigns have to do now. Safe to run twice, and to be cut off anywhere between batches. */
export async function walkCampaigns(app: WalkCampaignsContext): Promise<void> {
  for (const { id } of await app.store.read.unfinishedCampaigns()) {
    for (let batch = 0; batch < batchesMax; batch += 1) {
      if (!(await takeOn(app, id))) break;
    }
  }
}

/** @returns whether there may be more to do at once. */
async function takeOn(app: WalkCampaignsContext, id: string): Promise<boolean> {
  const isOtherIssuer = await foundOut(app, id);
  try {
    return await change(app, (within) => takeOnWithin({ ...within, isOtherIssuer }, id));
  } catch (error) {
    if (error instanceof NotVerified) return true;
    throw error;
  }
}

/** Of the certificates that the next batch is about, where their issuer matters. */
async function foundOut(app: WalkCampaignsContext, id: string): Promise<IsOtherIssuer> {
  const { read } = app.store;
  const campaign = await read.campaign(id);
  if (!campaign?.otherIssuer || !isWalking(campaign)) return nobodyVerified;
  const page = await pageOf(app, read, campaign);
  return verifyIssuers(
    app,
    read,
    page.filter((principal) => coverage({ app }, campaign, principal) !== null),
  );
}

function isWalking({ task, state, walked }: StoredCampaign): boolean {
  return task === null && state === 'running' && !walked;
}

function pageOf(
  app: Pick<Context, 'settings'>,
  read: Reader,
  { site, walkedTo }: StoredCampaign,
): Promise<Principal[]> {
  const from = walkedTo === '' ? {} : { after: walkedTo };
  return read.principals(site === null ? {} : { site }, { limit: app.settings.sweepBatch, ...from });
}

type Walking = Change<WalkCampaignsContext> & WithIssuers;

async function takeOnWithin(within: Walking, id: string): Promise<boolean> {
  const campaign = await within.tx.campaign(id);
  if (!campaign) return false;
  if (campaign.task !== null) return workOff(within, campaign);
  if (isWalking(campaign)) return walk(within, campaign);
  return campaign.state === 'running' && moveOn(within, campaign);
}

async function walk(within: Walking, campaign: StoredCampaign): Promise<boolean> {
  const { tx, app } = within;
  const page = await pageOf(app, tx, campaign);
  let leftOut = 0;
  for (const principal of page) leftOut += await joinPrincipal(within, campaign, principal);
  // In the soak time the cohort is gone through once more, for what has come to it since; those left out are counted once.
  const counted = campaign.reachedAt === null ? campaign.leftOut + leftOut : campaign.leftOut;
  const walked = page.length < app.settings.sweepBatch;
  const after = { ...campaign, walkedTo: page.at(-1)?.id ?? campaign.walkedTo, walked, leftOut: counted };
  await tx.putCampaign(after);
  const seen = resultsOf(after, await tx.campaignProgress(campaign.id));
  const first = nextStep(campaign, { ...seen, complete: false }, app.settings.rolloutRule, within.now);
  if (first.kind === 'stop') return moveOn(within, after);
  return true;
}

export function resultsOf({ cohort, walked }: StoredCampaign, progress: CampaignProgress): CohortResults {
  const counts = progress[cohort] ?? {};
  const all = Object.values(counts).reduce((sum, each) => sum + each, 0);
  return {
    complete: walked,
    members: all - (counts.cancelled ?? 0),
    activated: (counts.activated ?? 0) + (counts.retired ?? 0),
    failed: (counts.failed ?? 0) + (counts.lapsed ?? 0),
  };
}

async function moveOn(within: Change<Pick<Context, 'settings'>>, campaign: StoredCampaign): Promise<boolean> {
  const { app, tx, now } = within;
  const progress = await tx.campaignProgress(campaign.id);
  const seen = resultsOf(campaign, progress);
  const next = nextStep(campaign, seen, app.settings.rolloutRule, now);
  const anew = { walkedTo: '', walked: false };
  switch (next.kind) {
    case 'wait':
      return false;
    case 'reached':
      await tx.putCampaign({ ...campaign, ...anew, reachedAt: now });
      await tellStep(within, campaign, next, `enough of cohort ${campaign.cohort} is activated: ${words(seen)}`);
      return true;
    case 'advance':
      await tx.putCampaign({ ...campaign, ...anew, cohort: next.cohort, cohortAt: now, reachedAt: null, forgiven: 0 });
      await tellStep(
        within,
        campaign,
        next,
        `cohort ${campaign.cohort} is through (${words(seen)}), ${next.cohort} begins`,
      );
      return true;
    case 'finish':
      return finish(within, campaign, progress);
    case 'stop':
      await tx.putCampaign({ ...campaign, state: 'stopped', detail: next.detail });
      await tellStep(within, campaign, next, next.detail);
      await within.alert({
        kind: 'rollout_stopped',
        subject: campaign.id,
        severity: 'critical',
        detail: next.detail,
        owner: null,
      });
      return false;
  }
}

async function finish(within: Change, campaign: StoredCampaign, progress: CampaignProgress): Promise<boolean> {
  const ofNobody = Object.keys(progress).length === 0;
  await within.tx.putCampaign({
    ...campaign,
    state: 'done',
    ...(ofNobody && { detail: 'no certificate in use was in its scope: nothing was replaced' }),
    ...(campaign.drill && { task: 'call_off', taskAt: '' }),
  });
  const last = words(resultsOf(campaign, progress));
  await tellStep(within, campaign, { kind: 'finish' }, campaign.drill ? `proven: ${last}` : `done: ${last}`);
  return campaign.drill;
}

function words({ members, activated, failed }: CohortResults): string {
  return `${activated} of ${members} activated, ${failed} failed`;
}

const actionOf: Readonly<Record<Exclude<RolloutStep['kind'], 'wait'>, string>> = {
  reached: 'campaign.reached',
  advance: 'campaign.advanced',
  finish: 'campaign.finished',
  stop: 'campaign.stopped',
};

async function tellStep({ record }: Change, { id }: StoredCampaign, next: RolloutStep, message: string): Promise<void> {
  if (next.kind === 'wait') return;
  const fields = { 'nolapse.campaign': id };
  await record({ action: actionOf[next.kind], message: `campaign ${id}: ${message}`, fields });
}

/** Offers what was held back, or calls off what is not issued: a batch of it. */
async function workOff(
  within: Change<Pick<Context, 'policies' | 'settings'>>,
  campaign: StoredCampaign,
): Promise<boolean> {
  const { tx, app } = within;
  const limit = app.settings.sweepBatch;
  const batch = await tx.campaignRenewals(campaign.id, campaign.taskAt, limit);
  for (const renewal of batch) {
    // When it is overdue is another time from now on.
    await tx.putWatch(renewal.principalId, 0);
    if (campaign.task === 'call_off') await callOff(within, campaign, renewal);
    else if (renewal.state === 'due') await owePrompt(tx, renewal);
  }
  const isDone = batch.length < limit;
  const at = isDone ? { task: null, taskAt: '' } : { taskAt: batch.at(-1)?.id ?? '' };
  await tx.putCampaign({ ...campaign, ...at });
  return true;
}

/** What has been issued goes on to its end, and so does what is due by its own policy by now. */
async function callOff(
  within: Change<Pick<Context, 'policies' | 'settings'>>,
  campaign: StoredCampaign,
  renewal: Renewal,
): Promise<void> {
  const { tx, now } = within;
  const principal = await tx.principal(renewal.principalId);
  const entry = renewal.oldFingerprint && (await tx.certificate(renewal.oldFingerprint));
  if (!principal || !entry || renewal.state === 'activated' || holdsCertificate(renewal)) return;
  const ofDrill = await isDrill(tx, renewal);
  if (!ofDrill && (await dueAt(within, entry, principal)) <= now) return;
  const detail = `campaign ${campaign.id} is ${campaign.state}`;
  await step(within, renewal, { type: 'cancelled', detail }, principal, `cancelled: ${detail}`);
  if (!ofDrill) await resumeWithin(within, principal);
}
