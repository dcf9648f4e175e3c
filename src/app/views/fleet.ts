// The fleet in figures, as operators and metrics see it. The words are those of domain/standing.ts.
import type { ForeseenDays } from '../../domain/standing.ts';
import type { Instant } from '../../domain/time.ts';
import type { StandingCounts } from '../../ports/fleet.ts';

export interface FleetView extends StandingCounts {
  readonly now: Instant;
  /** Null: nobody has looked ahead yet, and the look that is under way takes its time. */
  readonly ahead: {
    /** How old these figures are. */
    readonly ageMs: number;
    /** Devices that are dark by then, those that are dark now among them. */
    readonly darkWithin: Readonly<Record<ForeseenDays, number>>;
    /** Those with whom anything is wrong or near its end, the most dark first; at most 1,000. */
    readonly owners: readonly OwnerView[];
  } | null;
}

export interface OwnerView {
  readonly owner: string;
  readonly dark: number;
  readonly without: number;
  /** The next end within the days looked ahead; null: none. */
  readonly nearestEndAt: Instant | null;
  readonly darkWithin: Readonly<Record<ForeseenDays, number>>;
}
