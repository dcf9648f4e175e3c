// The tables of delegations as the query builder sees them.
import type { PrincipalId } from '../../../domain/principal.ts';
import type { Instant } from '../../../domain/time.ts';

export interface DelegationTable {
  id: string;
  gateway_id: PrincipalId;
  site: string | null;
  /** Joined with commas. */
  modes: string;
  ends_at: Instant;
  daily_limit: number;
  created_at: Instant;
  revoked_at: Instant | null;
  telemetry: 0 | 1;
}

export interface DelegationDeviceTable {
  delegation_id: string;
  principal_id: PrincipalId;
  /** The end of the delegation; 0: it is revoked. */
  stands_until: Instant;
}

export interface DelegationUseTable {
  delegation_id: string;
  day: number;
  renewals: number;
}
