// How devices come and go, campaigns, findings, and what the gateway remembers of itself.
import { sql } from 'kysely';
import type { PrincipalId } from '../domain/principal.ts';
import type { RenewalState } from '../domain/renewal.ts';

import type { Instant } from '../domain/time.ts';
import type { Presence, StoredCampaign, StoredFinding } from '../ports/store.ts';
import { bytesOf, type Parameter, type Queries } from './query.ts';
import { build } from './schema.ts';

export function presences(queries: Queries) {
  const of = queries.prepare((p: Parameter<{ id: PrincipalId }>) =>
    build
      .selectFrom('presence')
      .select(['principal_id as principalId', 'gaps', 'came_at as cameAt', 'left_at as leftAt'])
      .where('principal_id', '=', p('id')),
  );
  const put = queries.prepare((p: Parameter<Presence>) => {
    const facts = { gaps: p('gaps'), came_at: p('cameAt'), left_at: p('leftAt') };
    return build
      .insertInto('presence')
      .values({ principal_id: p('principalId'), ...facts })
      .onConflict((conflict) => conflict.column('principal_id').doUpdateSet(facts));
  });
  return {
    presence: (id: PrincipalId): Presence | null => {
      const row = of.get({ id });
      return row ? { ...row, gaps: bytesOf(row.gaps) } : null;
    },
    putPresence: (presence: Presence): void => void put.run(presence),
  };
}

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
  'members',
] as const;
const campaignRows = build.selectFrom('campaign').select(campaignColumns);

type CampaignRow = Omit<StoredCampaign, 'walked' | 'drill'> & { readonly walked: 0 | 1; readonly drill: 0 | 1 };
const campaignOf = (row: CampaignRow): StoredCampaign => ({
  ...row,
  walked: row.walked === 1,
  drill: row.drill === 1,
});

export function campaigns(queries: Queries) {
  const byId = queries.prepare((p: Parameter<{ id: string }>) => campaignRows.where('id', '=', p('id')));
  const unfinished = queries.prepare(() =>
    campaignRows.where((eb) => eb.or([eb('state', '=', sql.lit('running')), eb('state', '=', sql.lit('paused'))])),
  );
  const put = queries.prepare((p: Parameter<CampaignRow>) => {
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
      members: p('members'),
    };
    return build
      .insertInto('campaign')
      .values({ id: p('id'), ...facts })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(facts));
  });
  const progress = queries.prepare((p: Parameter<{ id: string }>) =>
    build
      .selectFrom('renewal')
      .select(['state', (eb) => eb.fn.countAll<number>().as('count')])
      .where('campaign', '=', p('id'))
      .groupBy('state'),
  );
  return {
    campaign: (id: string): StoredCampaign | null => {
      const row = byId.get({ id });
      return row ? campaignOf(row) : null;
    },
    campaigns: (limit: number): StoredCampaign[] =>
      queries.all(campaignRows.orderBy('started_at', 'desc').limit(limit)).map(campaignOf),
    unfinishedCampaigns: (): StoredCampaign[] => unfinished.all({}).map(campaignOf),
    /** Renewals a campaign has opened, by state. */
    campaignProgress: (id: string): Partial<Record<RenewalState, number>> =>
      Object.fromEntries(progress.all({ id }).map(({ state, count }) => [state, count])),
    putCampaign: (campaign: StoredCampaign): void =>
      void put.run({ ...campaign, walked: campaign.walked ? 1 : 0, drill: campaign.drill ? 1 : 0 }),
  };
}

/** After every character that a subject may go on with. */
const lastCharacter = '\u{10ffff}';

export function findings(queries: Queries) {
  const put = queries.prepare((p: Parameter<StoredFinding>) =>
    build
      .insertInto('finding')
      .values({
        kind: p('kind'),
        subject: p('subject'),
        detail: p('detail'),
        first_at: p('firstAt'),
        last_at: p('lastAt'),
      })
      .onConflict((conflict) =>
        conflict.columns(['kind', 'subject']).doUpdateSet({ detail: p('detail'), last_at: p('lastAt') }),
      ),
  );
  const forget = queries.prepare((p: Parameter<{ kind: string; before: Instant; from: string; to: string }>) =>
    build
      .deleteFrom('finding')
      .where('kind', '=', p('kind'))
      .where('subject', '>=', p('from'))
      .where('subject', '<', p('to'))
      .where('last_at', '<', p('before')),
  );
  const drop = queries.prepare((p: Parameter<{ kind: string; subject: string }>) =>
    build.deleteFrom('finding').where('kind', '=', p('kind')).where('subject', '=', p('subject')),
  );
  return {
    findings: (query: { readonly kind?: string; readonly after?: string }, limit: number): StoredFinding[] => {
      let select = build
        .selectFrom('finding')
        .select(['kind', 'subject', 'detail', 'first_at as firstAt', 'last_at as lastAt'])
        .orderBy('kind')
        .orderBy('subject')
        .limit(limit);
      if (query.kind !== undefined) select = select.where('kind', '=', query.kind);
      if (query.after !== undefined) select = select.where('subject', '>', query.after);
      return queries.all(select);
    },
    putFinding: (finding: StoredFinding): void => void put.run(finding),
    forgetFindings: (kind: string, before: Instant, prefix: string): void =>
      void forget.run({ kind, before, from: prefix, to: `${prefix}${lastCharacter}` }),
    dropFinding: (kind: string, subject: string): void => void drop.run({ kind, subject }),
  };
}

export function settings(queries: Queries) {
  const of = queries.prepare((p: Parameter<{ name: string }>) =>
    build.selectFrom('setting').select('value').where('name', '=', p('name')),
  );
  const put = queries.prepare((p: Parameter<{ name: string; value: string }>) =>
    build
      .insertInto('setting')
      .values({ name: p('name'), value: p('value') })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: p('value') })),
  );
  return {
    setting: (name: string): string | null => of.get({ name })?.value ?? null,
    putSetting: (name: string, value: string): void => void put.run({ name, value }),
  };
}
