// How far a renewal got, as operators see it.
import type { RenewalRefusal } from '../../domain/refusal.ts';
import type { Renewal } from '../../domain/renewal.ts';
import type { JournalEntry } from '../../ports/journal.ts';

export interface RenewalView {
  readonly renewal: Renewal;
  /** The last refusal of each who asked under it. */
  readonly refusals: readonly RenewalRefusal[];
  readonly journal: readonly JournalEntry[];
}
