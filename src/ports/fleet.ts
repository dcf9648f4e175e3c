// The fleet in figures, as the ledger's store keeps them: their cost follows what is wrong, not how large the fleet is.
import type { Principal, PrincipalId } from '../domain/principal.ts';
import type { Instant } from '../domain/time.ts';
import type { Outlook } from './outlooks.ts';

/** Principals of one standing, decommissioned ones left out. */
export interface StandingCount {
  readonly all: number;
  /** Of them, those in quarantine. */
  readonly quarantined: number;
  /** Of them, those of kind device: the others are gateways and services. */
  readonly devices: number;
}

/** How the fleet stands: the words are those of domain/standing.ts. */
export interface StandingCounts {
  readonly dark: StandingCount;
  readonly without: StandingCount;
  /** The next end of what lets anybody in; null: nobody is let in. */
  readonly nearestEndAt: Instant | null;
}

/** Of which kinds there is something whose time has come. */
export interface DueKinds {
  /** Certificates that ended, or whose overlap did. */
  readonly ended: boolean;
  readonly renewals: boolean;
  /** Certificates that are to be renewed. */
  readonly certificates: boolean;
  /** Principals that are to be looked at for alerts. */
  readonly watches: boolean;
}

/** The certificate that lets a principal in for longest, or did last, and what tells whether a replacement will come in time. */
export interface Horizon extends Outlook {
  readonly litUntil: Instant;
}

export interface HorizonPlace {
  readonly litUntil: Instant;
  readonly id: PrincipalId;
}

/** A principal that never had a certificate. */
export type Unissued = Pick<Principal, 'id' | 'kind' | 'owner' | 'site'>;

/** A part of those of one standing, counted, and the last of them. */
export interface StandingPage<Place> {
  readonly count: StandingCount;
  /** Null: there are no more. */
  readonly last: Place | null;
}

export interface FleetReader {
  /** What a sweep has to do, without reading any of it. */
  dueKinds(now: Instant): Promise<DueKinds>;
  /** Counts those that are dark, after a place; null: from the first. Reads `limit` rows twice at most. */
  darkPage(now: Instant, after: HorizonPlace | null, limit: number): Promise<StandingPage<HorizonPlace>>;
  /** The same of those that never had a certificate, in order of id. */
  withoutPage(after: PrincipalId | null, limit: number): Promise<StandingPage<PrincipalId>>;
  /** The next end of what lets anybody in; null: nobody is let in. Reads one row. */
  nearestEnd(now: Instant): Promise<Instant | null>;
  /**
   * Principals that are let in until `until` at the longest, dark ones too, in the order of their ends, after a place; null: from the
   * first. Decommissioned ones are left out. Reads `limit` rows and few more.
   */
  horizons(until: Instant, after: HorizonPlace | null, limit: number): Promise<Horizon[]>;
  /** The same of one principal, also a decommissioned one; null: it never had a certificate. */
  horizonOf(id: PrincipalId): Promise<Horizon | null>;
  /** Until when these principals and all between them are let in, or were; those that never had a certificate are left out. */
  litUntil(first: PrincipalId, last: PrincipalId): Promise<Map<PrincipalId, Instant>>;
  /** Those that never had a certificate, in order of id, after one. */
  unissued(after: PrincipalId | null, limit: number): Promise<Unissued[]>;
  /**
   * Counts for summaries and metrics: certificates by state, renewals by the state that is shown, alerts not cleared as `kind/severity`;
   * `late`: renewals that missed their deadline and are settled now.
   */
  counts(): Promise<{
    certificates: Record<string, number>;
    renewals: Record<string, number>;
    alerts: Record<string, number>;
    late: number;
  }>;
}
