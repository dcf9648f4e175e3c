// Campaigns, how far their renewals have come, and those that have not ended.

import { sql } from 'kysely';
import { NolapseError } from '../../../domain/errors.ts';
import type { Cohort } from '../../../domain/principal.ts';
import type { Renewal, RenewalState } from '../../../domain/renewal.ts';
import { campaignsUnderWayMax, isUnderWay } from '../../../domain/rollout.ts';
import type { CampaignProgress, StoredCampaign } from '../../../ports/campaigns.ts';
import type { Parameter, Queries } from '../query.ts';
import { renewalRows } from './renewals.ts';
import { build } from './schema.ts';

const campaignColumns = [
  'id',
  'reason',
  'drill',
  'state',
  'cohort',
  'issued_before as issuedBefore',
  'class',
  'site',
  'started_at as startedAt',
  'cohort_at as cohortAt',
  'reached_at as reachedAt',
  'detail',
  'walked_to as walkedTo',
  'walked',
  'reason_code as reasonCode',
  'other_issuer as otherIssuer',
  'forgiven',
  'left_out as leftOut',
  'task',
  'task_at as taskAt',
  'held_until as heldUntil',
] as const;
const campaignRows = build.selectFrom('campaign').select(campaignColumns);

type Flag = 'walked' | 'drill' | 'otherIssuer';
type CampaignRow = Omit<StoredCampaign, Flag> & Readonly<Record<Flag, 0 | 1>>;
const campaignOf = (row: CampaignRow): StoredCampaign => ({
  ...row,
  walked: row.walked === 1,
  drill: row.drill === 1,
  otherIssuer: row.otherIssuer === 1,
});

const underWay = sql<boolean>`("state" = 'running' OR "state" = 'paused')`;

function preparePut(queries: Queries) {
  return queries.prepare((p: Parameter<CampaignRow>) => {
    const facts = {
      reason: p('reason'),
      drill: p('drill'),
      state: p('state'),
      cohort: p('cohort'),
      issued_before: p('issuedBefore'),
      class: p('class'),
      site: p('site'),
      started_at: p('startedAt'),
      cohort_at: p('cohortAt'),
      reached_at: p('reachedAt'),
      detail: p('detail'),
      walked_to: p('walkedTo'),
      walked: p('walked'),
      reason_code: p('reasonCode'),
      other_issuer: p('otherIssuer'),
      forgiven: p('forgiven'),
      left_out: p('leftOut'),
      task: p('task'),
      task_at: p('taskAt'),
      held_until: p('heldUntil'),
    };
    return build
      .insertInto('campaign')
      .values({ id: p('id'), ...facts })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(facts));
  });
}

/** Those under way, and this one apart. */
function prepareUnderWay(queries: Queries) {
  return queries.prepare((p: Parameter<{ id: string }>) =>
    build
      .selectFrom('campaign')
      .select(['id', sql<0 | 1>`"id" = ${p('id')}`.as('isItself')])
      .where(underWay),
  );
}

export function campaigns(queries: Queries) {
  const byId = queries.prepare((p: Parameter<{ id: string }>) => campaignRows.where('id', '=', p('id')));
  const unfinished = queries.prepare(() => campaignRows.where(underWay));
  const atOnce = prepareUnderWay(queries);
  const withTask = queries.prepare(() => campaignRows.where('task', 'is not', sql.lit(null)));
  const put = preparePut(queries);
  const progress = queries.prepare((p: Parameter<{ id: string }>) =>
    build
      .selectFrom('campaign_progress')
      .select(['cohort', 'state', 'count'])
      .where('campaign', '=', p('id'))
      .where('count', '>', sql.lit(0)),
  );
  const unended = queries.prepare((p: Parameter<{ id: string; after: string; limit: number }>) =>
    renewalRows
      .where('campaign', '=', p('id'))
      .where('id', '>', p('after'))
      .where('ended', '=', sql.lit(0))
      .orderBy('id')
      .limit(p('limit')),
  );
  return {
    campaign: (id: string): StoredCampaign | null => {
      const row = byId.get({ id });
      return row ? campaignOf(row) : null;
    },
    campaigns: (limit: number): StoredCampaign[] =>
      queries.all(campaignRows.orderBy('started_at', 'desc').limit(limit)).map(campaignOf),
    unfinishedCampaigns: (): StoredCampaign[] => {
      const rows = new Map([...unfinished.all({}), ...withTask.all({})].map((row) => [row.id, row]));
      return [...rows.values()].map(campaignOf);
    },
    campaignProgress: (id: string): CampaignProgress => {
      const counts: Partial<Record<Cohort, Partial<Record<RenewalState, number>>>> = {};
      for (const { cohort, state, count } of progress.all({ id })) {
        counts[cohort] = { ...counts[cohort], [state]: count };
      }
      return counts;
    },
    campaignRenewals: (id: string, after: string, limit: number): Renewal[] => unended.all({ id, after, limit }),
    putCampaign: (campaign: StoredCampaign): void => {
      const others = isUnderWay(campaign) ? atOnce.all(campaign) : [];
      if (others.length >= campaignsUnderWayMax && !others.some(({ isItself }) => isItself === 1)) {
        throw new NolapseError('conflict', `${others.length} campaigns are under way`);
      }
      put.run({
        ...campaign,
        walked: campaign.walked ? 1 : 0,
        drill: campaign.drill ? 1 : 0,
        otherIssuer: campaign.otherIssuer ? 1 : 0,
      });
    },
  };
}
