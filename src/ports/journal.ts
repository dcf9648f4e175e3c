// The journal: what was done, by time, for people and auditors.
import type { Actor } from '../domain/actor.ts';
import type { PrincipalId } from '../domain/principal.ts';
import type { Instant } from '../domain/time.ts';

/** A line of the record of what was done, for people and auditors. `detail` holds no secrets. */
export interface JournalEntry {
  readonly at: Instant;
  readonly action: string;
  readonly principalId: PrincipalId | null;
  readonly renewalId: string | null;
  readonly detail: string;
  /** Null: it was recorded by a version that noted none. */
  readonly actor: Actor | null;
}

/** Decisions about many, or for good, that a colleague wants to hear of: few are recorded, beside the lines of each device's life. */
export const notedActions = [
  'policy.reloaded',
  'policy.refused',
  'campaign.started',
  'campaign.stopped',
  'campaign.paused',
  'campaign.resumed',
  'campaign.aborted',
  'campaign.finished',
  'campaign.overridden',
  'source.reconciled',
  'source.failed',
  'device.imported',
  'device.decommissioned',
  'device.quarantined',
  'device.released',
  'delegation.added',
  'delegation.revoked',
  'decision.forced',
  'trust.prepared',
  'trust.activated',
  'trust.aborted',
  'trust.retired',
] as const;

export interface JournalReader {
  journal(query: { renewalId?: string }, limit: number): Promise<JournalEntry[]>;
  /** Lines of {@link notedActions} that were recorded since, the newest first: the cost follows how many there are of these. */
  notedSince(since: Instant, limit: number): Promise<JournalEntry[]>;
}

export interface JournalWriter {
  record(entry: JournalEntry): Promise<void>;
  /** Forgets those of the `limit` first lines of the journal that were recorded before this instant. Returns how many. */
  forgetJournal(before: Instant, limit: number): Promise<number>;
}
