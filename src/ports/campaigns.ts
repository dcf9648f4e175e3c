// Campaigns as they are kept: how far each has come, and what is still to be done under it.
import type { Cohort } from '../domain/principal.ts';
import type { Renewal, RenewalState } from '../domain/renewal.ts';
import type { Campaign, campaignsUnderWayMax } from '../domain/rollout.ts';

/** What a campaign still has to do with renewals it has opened: offer those it held back, or call off those not issued. */
export type CampaignTask = 'release' | 'call_off';

/** A campaign, and how far its walk through the present cohort has come. */
export interface StoredCampaign extends Campaign {
  /** The last id handled; empty at first. */
  readonly walkedTo: string;
  readonly walked: boolean;
  /** Devices found that it cannot or must not replace anything for. */
  readonly leftOut: number;
  readonly task: CampaignTask | null;
  /** The last renewal handled in it; empty at first. */
  readonly taskAt: string;
}

/** Renewals of a campaign, by cohort and state; those that failed and were not activated since count as `failed`, whatever is tried now. */
export type CampaignProgress = Readonly<Partial<Record<Cohort, Readonly<Partial<Record<RenewalState, number>>>>>>;

export interface CampaignReader {
  campaign(id: string): Promise<StoredCampaign | null>;
  /** The newest first. */
  campaigns(limit: number): Promise<StoredCampaign[]>;
  /** Running or paused, or with something still to be done. */
  unfinishedCampaigns(): Promise<StoredCampaign[]>;
  /** Counted as they go: it costs the same for any fleet. */
  campaignProgress(id: string): Promise<CampaignProgress>;
  /** Renewals of a campaign that have not ended, in order of id, after one. */
  campaignRenewals(id: string, after: string, limit: number): Promise<Renewal[]>;
}

export interface CampaignWriter {
  /** Fails with NolapseError `conflict` where a campaign comes to be under way beside {@link campaignsUnderWayMax} others. */
  putCampaign(campaign: StoredCampaign): Promise<void>;
}
