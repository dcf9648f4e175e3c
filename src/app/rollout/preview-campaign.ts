// Counts the certificates that a campaign or a drill would replace, before it begins. It changes nothing, and lets everybody else have
// their turn.
import { counted } from '../../domain/counted.ts';
import { type Cohort, cohorts, type Principal } from '../../domain/principal.ts';
import type { StoredCampaign } from '../../ports/campaigns.ts';
import { type Context, cohortIn } from '../context.ts';
import { afterId, pagesOf } from '../pages.ts';
import { heldBy } from '../renewal/held.ts';
import type { WithTurns } from '../turns.ts';
import type { CampaignPreview, CampaignScope, NewCampaign } from '../views/campaigns.ts';
import { coverage, type JoinCampaignContext, type Look, shareOf } from './join-campaign.ts';
import { verifiesIssuer, type WithIssuers } from './other-issuer.ts';
import { hasFilter, readCampaign } from './read-campaign.ts';

export type PreviewCampaignContext = JoinCampaignContext & Pick<Context, 'store' | 'clock' | 'settings'> & WithTurns;

/** Principals looked at before others have a turn. */
const pageMax = 100;

/** Rejects with `invalid`, every fault named. */
export async function previewCampaign(app: PreviewCampaignContext, input: NewCampaign): Promise<CampaignPreview> {
  const look: Look = { app, tx: app.store.read, now: app.clock.now() };
  const campaign = await readCampaign(look, input);
  const needsAll = !campaign.drill && !hasFilter(input) && input.all !== true;
  return { needsAll, meant: await scopeOf(app, { ...look, isOtherIssuer: verifiesIssuer(app) }, campaign) };
}

/** What somebody is told who means the whole fleet without saying so. */
export function wholeFleetFault({ certificates, devices }: CampaignScope): string {
  const much = `${counted(certificates, 'certificate')} of ${counted(devices, 'device')}`;
  return `without a filter the campaign replaces the certificates of the whole fleet: ${much}. Name --class, --site, --issued-before or --issuer-not-current, or confirm with --all`;
}

async function scopeOf(
  app: Pick<Context, 'settings'> & WithTurns,
  look: Look & WithIssuers,
  campaign: StoredCampaign,
): Promise<CampaignScope> {
  const counts = new Map<Cohort, { certificates: number; leftOut: number }>();
  const { site } = campaign;
  let devices = 0;
  const next = async (last: Principal | null) => {
    await app.turns.take();
    return look.tx.principals(site === null ? {} : { site }, { limit: pageMax, ...afterId(last) });
  };
  for await (const page of pagesOf(pageMax, next)) {
    for (const principal of page) {
      const cohort = cohortIn(app, principal);
      const asInTurn = campaign.drill ? campaign : { ...campaign, cohort };
      if (coverage(look, asInTurn, principal) === null) continue;
      const count = counts.get(cohort) ?? { certificates: 0, leftOut: 0 };
      const before = count.certificates;
      for await (const entry of heldBy(look.tx, principal.id)) {
        const { kind } = await shareOf(look, campaign, principal, entry);
        if (kind === 'in') count.certificates += 1;
        else if (kind === 'left_out') count.leftOut += 1;
      }
      if (count.certificates > before) devices += 1;
      counts.set(cohort, count);
    }
  }
  const rows = cohorts.flatMap((cohort) => {
    const count = counts.get(cohort);
    return count && count.certificates + count.leftOut > 0 ? [{ cohort, ...count }] : [];
  });
  return {
    certificates: rows.reduce((sum, each) => sum + each.certificates, 0),
    devices,
    leftOut: rows.reduce((sum, each) => sum + each.leftOut, 0),
    cohorts: rows,
  };
}
