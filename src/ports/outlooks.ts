// Which certificates end when, and whether their replacements will come in time.
import type { LedgerEntry } from '../domain/certificate.ts';
import type { GatewayStanding, Principal, PrincipalId } from '../domain/principal.ts';
import type { Renewal } from '../domain/renewal.ts';
import type { Instant } from '../domain/time.ts';
import type { Visits } from '../domain/visits.ts';

/** What tells how far an open renewal got. */
export interface OutlookPath {
  /** The gateway that the renewal which brought a certificate went through, or else its activation; null: none. */
  readonly via: PrincipalId | null;
  /** Was the request of that renewal signed by the key before it? */
  readonly signed: boolean;
}

export interface OutlookRenewal extends Pick<Renewal, 'id' | 'state' | 'lastCode'> {
  /** Was the same refused again and again, and has it not moved on since? */
  readonly isRefused?: true;
}

/** A certificate in use, and what tells whether its replacement will come in time. */
export interface Outlook extends OutlookPath {
  readonly certificate: Omit<LedgerEntry, 'der'>;
  readonly principal: Principal;
  /** Of the gateway the inventory puts it behind; null: behind none, or behind one that is not there. */
  readonly standsBehind: GatewayStanding | null;
  /** Null: it never came since visits are recorded. */
  readonly visits: Visits | null;
  /** The open renewal that replaces it. */
  readonly renewal: OutlookRenewal | null;
  /** Where it stands in the order. */
  readonly place: OutlookPlace;
}

export interface OutlookPlace {
  readonly endsAt: Instant;
  readonly row: number;
}

export interface OutlookReader {
  /** Active certificates that end by `until`, those with the nearest end first, after a place. Reads `limit` rows and few more. */
  outlooks(until: Instant, after: OutlookPlace | null, limit: number): Promise<Outlook[]>;
  /** The same of one principal, in no order; at most 100. */
  outlooksOf(id: PrincipalId): Promise<Outlook[]>;
}
