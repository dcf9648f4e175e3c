// What an export for a period reads: all that was recorded in it, a page at a time.
import type { Alert, AlertName } from '../domain/alert.ts';
import type { Renewal } from '../domain/renewal.ts';
import type { Instant } from '../domain/time.ts';
import type { JournalEntry } from './journal.ts';

/** Where a line stands in the journal by time; lines of one moment as they were recorded. */
export interface JournalPlace {
  readonly at: Instant;
  readonly id: number;
}

export interface PlacedEntry {
  readonly place: JournalPlace;
  readonly entry: JournalEntry;
}

export interface PeriodReader {
  /** By time, after a place and before `until`; reads `limit` lines, however long the journal is. */
  journalBetween(after: JournalPlace, until: Instant, limit: number): Promise<PlacedEntry[]>;
  /** When the first line was recorded that has not been forgotten; null: there is none. */
  journalBegins(): Promise<Instant | null>;
  /** In the order they were opened, after a row, each with its own. */
  renewalsAfter(row: number, limit: number): Promise<{ row: number; renewal: Renewal }[]>;
  /** All that are kept, cleared ones too, in the order of their names; `after` null: from the first. */
  alertsAfter(after: AlertName | null, limit: number): Promise<Alert[]>;
}
