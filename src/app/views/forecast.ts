// What is asked of a forecast, and what it answers.
import type { DarkReason } from '../../domain/forecast.ts';

/** At most one of `days` (90 where none is said) and `asOf`, an ISO 8601 date or time. */
export interface ForecastQuery {
  readonly days?: number;
  readonly asOf?: string;
  readonly owner?: string;
  readonly site?: string;
  /** Devices named; all are counted. */
  readonly limit?: number;
}

/** A device that is dark, or is expected to go dark. */
export interface DarkDevice {
  readonly id: string;
  readonly owner: string;
  readonly site: string | null;
  readonly class: string;
  /** Of the certificate that lets it in for longest, or did last. */
  readonly serial: string;
  /** Since when it is dark, or from when on. */
  readonly at: number;
  readonly why: DarkReason;
  /** Below zero: by how much it is expected too late. Null: no coming of it would help. */
  readonly slackMs: number | null;
  /** When its replacement is due; null: none is planned. */
  readonly dueAt: number | null;
  readonly expectedAt: number;
  /** Null: it is here. */
  readonly awaySince: number | null;
  /** The gap that 95 of 100 of its gaps do not exceed; null: it was never seen to come back. */
  readonly comesEveryMs: number | null;
}

export interface ForecastView {
  readonly now: number;
  readonly until: number;
  /** Devices whose certificate ends by then. */
  readonly looked: number;
  /** Devices that are dark now, or are expected to go dark by then. */
  readonly dark: number;
  /** Of these, those that are dark now. */
  readonly darkNow: number;
  /** Devices that never had a certificate: neither looked at nor dark. */
  readonly without: number;
  /** Of these, those of kind device: a gateway may be in the inventory for its place alone. */
  readonly withoutDevices: number;
  readonly reasons: Readonly<Partial<Record<DarkReason, number>>>;
  /** The dark ones by owner and site, the most first; at most 10,000 pairs. */
  readonly groups: readonly {
    readonly owner: string;
    readonly site: string | null;
    readonly dark: number;
    readonly firstAt: number;
  }[];
  /** Dark ones beyond those pairs. */
  readonly ungrouped: number;
  /** Those whose certificate ends first: those that are dark now come before the others. */
  readonly devices: readonly DarkDevice[];
}
