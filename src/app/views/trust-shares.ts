// What is told of how far a fleet is on its way from one root to the next.
import type { Instant } from '../../domain/time.ts';
import type { UnprovedReason } from '../../domain/trust-proof.ts';
import type { Shares } from '../../domain/trust-shares.ts';

export interface NamedShares extends Shares {
  /** The class, owner or site; '': none. */
  readonly name: string;
}

/** Those of one kind of cohort, with the most that have not proved the root first. */
export interface CohortShares {
  readonly listed: readonly NamedShares[];
  /** Cohorts that are not listed. */
  readonly more: number;
}

export interface ProofsAheadView {
  /** How old it is. */
  readonly ageMs: number;
  /** Of those that gate, who never connected. */
  readonly neverConnected: number;
  /** Those whose last CONNECT was under the root that is left. */
  readonly onOldPort: number;
  /** By when 99 of 100 of those that gate will have proved it, and all; null: not before the end. */
  readonly nearlyAllAt: Instant | null;
  readonly allAt: Instant | null;
  /** Those that gate and will not have proved it by the end, by reason and by owner. */
  readonly late: number;
  readonly reasons: Readonly<Partial<Record<UnprovedReason, number>>>;
  readonly owners: readonly { readonly owner: string; readonly count: number; readonly first: readonly string[] }[];
}

export interface SharesView {
  /** The number of the root that is left, and when it ends. */
  readonly leaves: number;
  readonly endsAt: Instant;
  /** The number of the root that everybody is to have proved by then. */
  readonly towards: number;
  readonly all: Shares;
  readonly classes: CohortShares;
  readonly owners: CohortShares;
  readonly sites: CohortShares;
  /** Live sessions that came where the chain of the root that is left was shown. */
  readonly sessionsOnOldPort: number;
  /** Those that a control has shown not to verify the broker. */
  readonly controlFailed: number;
  /** Null: it is not known yet. */
  readonly ahead: ProofsAheadView | null;
}
