// Delegations as operations are given them and answer with them.
import type { Delegation } from '../../domain/delegation.ts';
import type { CutOffView, Dryable, DryRunView } from './decisions.ts';

export interface NewDelegation extends Dryable {
  readonly gateway: string;
  /** Devices by id, or a site: one of the two. */
  readonly devices?: readonly string[];
  readonly site?: string;
  readonly modes: readonly string[];
  /** A duration from now, or an ISO 8601 date or time. */
  readonly until: string;
  /** Renewals it may begin in a day (UTC). */
  readonly daily: number;
  /** May it carry the devices' telemetry? Absent: no. */
  readonly telemetry?: boolean;
}

export interface DelegationView extends Delegation {
  readonly usedToday: number;
}

export interface AddedDelegationView extends DelegationView {
  /** Devices that it covers now; of a site, those that come to it later too. */
  readonly covers: number;
  readonly dryRun?: DryRunView;
}

export interface RevokedDelegationView extends DelegationView {
  readonly cutOff: CutOffView;
  readonly dryRun?: DryRunView;
}
