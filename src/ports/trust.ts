// How each principal is on its way to the next roots, and how many have come how far: their cost follows the answer, not the fleet.
import type { Principal, PrincipalId } from '../domain/principal.ts';
import type { TrustGlance, TrustRecord } from '../domain/trust-record.ts';

/** What principals are counted by; `all` has one part, with the name ''. A principal without a site is counted under ''. */
export const trustParts = ['all', 'class', 'owner', 'site'] as const;
export type TrustPart = (typeof trustParts)[number];

/** Principals in service that ever had a certificate, by the root that they are about. */
export interface TrustCount {
  /** The class, owner or site. */
  readonly name: string;
  /**
   * `in_service`: all of them, with the root 0. `offered`, `stored`: those on their way to the root that have come so far and no further.
   * `last`: those that connected last under the root, so that they have proved it; not counted for the first root, which is the others'.
   */
  readonly measure: 'in_service' | 'offered' | 'stored' | 'last';
  readonly root: number;
  /** Do they have to prove a next root before it is activated, as {@link gates} says? */
  readonly gates: boolean;
  readonly count: number;
}

/** A principal in service, and the root under which it connected last; 0: it never connected itself. */
export interface TrustPlace {
  readonly last: number;
  readonly id: PrincipalId;
}

export interface UnderRoot extends TrustPlace, Pick<Principal, 'kind' | 'owner' | 'class' | 'site' | 'gateway'> {
  /** The root it is on its way to; 0: none. */
  readonly next: number;
  readonly isStored: boolean;
  readonly gates: boolean;
}

export interface TrustReader {
  /** What a connect needs to know; null: there is no such principal. Costs nothing where the principal has just been read. */
  trustGlance(id: PrincipalId): Promise<TrustGlance | null>;
  /** Null: nothing is kept of it, as {@link noRecord} has it. */
  trustRecord(id: PrincipalId): Promise<TrustRecord | null>;
  /** Counts by a part of the fleet, in order of name, after one; null: from the first. `names` of them at most. */
  trustCounts(part: TrustPart, after: string | null, names: number): Promise<TrustCount[]>;
  /**
   * Principals in service that ever had a certificate and connected last under a root older than `root`, or never: they have not proved
   * it. In the order of that root and of their ids, after a place; null: from the first. Reads `limit` rows.
   */
  unproved(root: number, after: TrustPlace | null, limit: number): Promise<UnderRoot[]>;
  /** The same of those that connected last under this very root, in order of id; 0: those that never connected themselves. */
  lastUnder(root: number, after: PrincipalId | null, limit: number): Promise<UnderRoot[]>;
}

export interface TrustWriter {
  putTrustRecord(record: TrustRecord): Promise<void>;
}
