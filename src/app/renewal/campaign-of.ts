// The campaign that a renewal was opened or taken over by.
import type { Renewal } from '../../domain/renewal.ts';
import type { StoredCampaign } from '../../ports/campaigns.ts';
import type { Reader } from '../../ports/store.ts';

/** Null: there is none. */
export async function campaignOf(
  read: Reader,
  { campaign }: Pick<Renewal, 'campaign'>,
): Promise<StoredCampaign | null> {
  return campaign === null ? null : read.campaign(campaign);
}
