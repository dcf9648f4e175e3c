// How a device comes and goes, and how far a renewal got, as operators see it.
import type { RenewalRefusal } from '../domain/refusal.ts';
import type { Renewal } from '../domain/renewal.ts';
import type { JournalEntry } from '../ports/journal.ts';

export interface PresenceView {
  readonly here: boolean;
  /** When it came, if it is here; else when it left. */
  readonly since: number;
  /** The gap that 95 of 100 of its gaps do not exceed, and the longest, rounded up; null: it was never seen to come back. */
  readonly comesEveryMs: number | null;
  readonly longestAwayMs: number | null;
}

export interface RenewalView {
  readonly renewal: Renewal;
  /** The last refusal of each who asked under it. */
  readonly refusals: readonly RenewalRefusal[];
  readonly journal: readonly JournalEntry[];
}
