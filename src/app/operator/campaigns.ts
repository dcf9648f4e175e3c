// Operations on campaigns and drills.
import { z } from 'zod';
import {
  abortCampaign,
  listCampaigns,
  pauseCampaign,
  resumeCampaign,
  showCampaign,
  startCampaign,
} from '../rollout/campaigns.ts';
import { previewCampaign } from '../rollout/preview-campaign.ts';
import { type OperationsOf, operation } from './operation.ts';
import { bounded, id, limitOf, text } from './shapes.ts';

const newCampaign = z.strictObject({
  reason: text,
  drill: z.boolean().exactOptional(),
  cohort: text.exactOptional(),
  class: text.exactOptional(),
  site: text.exactOptional(),
  issuedBefore: text.exactOptional(),
  otherIssuer: z.boolean().exactOptional(),
  reasonCode: text.exactOptional(),
  all: z.boolean().exactOptional(),
});
const named = z.strictObject({ id });

export const campaigns = {
  startCampaign: operation(newCampaign, ({ app }, input) => startCampaign(app, input)),
  pauseCampaign: operation(named, ({ app }, input) => pauseCampaign(app, input.id)),
  /** Also one that stopped by itself: the failures until then are taken note of. */
  resumeCampaign: operation(named, ({ app }, input) => resumeCampaign(app, input.id)),
  abortCampaign: operation(named, ({ app }, input) => abortCampaign(app, input.id)),
  /** How much a campaign would mean; begins nothing. */
  previewCampaign: operation(newCampaign, ({ app }, input) => previewCampaign(app, input)),
  listCampaigns: operation(z.strictObject(bounded), ({ app }, { limit }) => listCampaigns(app, limitOf(limit))),
  showCampaign: operation(named, ({ app }, input) => showCampaign(app, input.id)),
} satisfies OperationsOf<'campaigns'>;
