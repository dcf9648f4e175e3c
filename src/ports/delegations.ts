// Which site gateway may act for which devices, and how much it has done under each delegation.
import type { Delegation, inForceMax } from '../domain/delegation.ts';
import type { PrincipalId } from '../domain/principal.ts';
import type { Instant } from '../domain/time.ts';

export interface DelegationReader {
  delegation(id: string): Promise<Delegation | null>;
  /** In order of id, ended ones too; after an id. */
  delegations(limit: number, after?: string): Promise<Delegation[]>;
  /** What this gateway was ever given, in order of id. */
  delegationsOf(gateway: PrincipalId, limit: number): Promise<Delegation[]>;
  /** What it was given that is not revoked and ends later than `now`, the longest first; at most 1,000. */
  standingDelegations(gateway: PrincipalId, now: Instant): Promise<Delegation[]>;
  /** Those not revoked that name this device or its site, the longest first, at most 64; of devices each tells this one alone. */
  delegationsFor(device: PrincipalId, site: string | null): Promise<Delegation[]>;
  /** Renewals begun under a delegation on this day (see `dayOf`). */
  delegationUse(id: string, day: number): Promise<number>;
}

export interface DelegationWriter {
  /**
   * Fails with NolapseError `conflict` where more than {@link inForceMax} come to be in force, when this one is made, for a device that it
   * names or for its site.
   */
  putDelegation(delegation: Delegation): Promise<void>;
  /** Counts one renewal begun under a delegation on this day. Fails with NolapseError `conflict` at its daily limit. */
  useDelegation(id: string, day: number): Promise<void>;
}
