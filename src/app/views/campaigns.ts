// Campaigns as an operator asks for them and is shown them.
import type { Cohort } from '../../domain/principal.ts';
import type { RenewalState } from '../../domain/renewal.ts';
import type { Campaign } from '../../domain/rollout.ts';

export interface NewCampaign {
  /** Why: for the record. */
  readonly reason: string;
  /** Renews and proves the activation, and replaces nothing. */
  readonly drill?: boolean;
  /** Of a drill, the one it is over; a campaign begins with the canaries. */
  readonly cohort?: string;
  readonly class?: string;
  readonly site?: string;
  /** An ISO 8601 date or time: certificates issued before it are replaced; now when nothing is said. */
  readonly issuedBefore?: string;
  /** Only those that another CA than the present one has signed. */
  readonly otherIssuer?: boolean;
  /** With what reason the replaced ones are revoked. */
  readonly reasonCode?: string;
  /** Needed for a campaign over the whole fleet, which has no filter. */
  readonly all?: boolean;
}

/** How much a campaign means, counted as it would begin now. */
export interface CampaignScope {
  readonly certificates: number;
  readonly devices: number;
  /** Certificates that it would leave out. */
  readonly leftOut: number;
  /** Those with anything to count. */
  readonly cohorts: readonly { readonly cohort: Cohort; readonly certificates: number; readonly leftOut: number }[];
}

/** A campaign as it would be. */
export interface CampaignPreview {
  /** It means the whole fleet, which somebody has to say in so many words. */
  readonly needsAll: boolean;
  readonly meant: CampaignScope;
}

export interface StartedCampaign extends CampaignView {
  readonly meant: CampaignScope;
}

export interface CampaignView extends Campaign {
  readonly now: number;
  /** Is something of it still to be gone through? */
  readonly busy: boolean;
  readonly leftOut: number;
  /** Those it has come to. */
  readonly cohorts: readonly {
    readonly cohort: Cohort;
    readonly members: number;
    readonly activated: number;
    readonly failed: number;
    readonly states: Readonly<Partial<Record<RenewalState, number>>>;
  }[];
}
