// Whom to look at for alerts and when, and what a look over the fleet has found.
import type { PrincipalId } from '../domain/principal.ts';
import type { Instant } from '../domain/time.ts';

/** Something about the fleet that somebody should look at, kept as long as it is so. */
export interface StoredFinding {
  readonly kind: string;
  readonly subject: string;
  readonly detail: string;
  readonly firstAt: Instant;
  readonly lastAt: Instant;
}

/** In order of kind and subject. */
export interface FindingQuery {
  readonly kind?: string;
  /** Subjects after this one; of all kinds, what comes after it in the kind `afterKind`. */
  readonly after?: string;
  readonly afterKind?: string;
}

export interface OversightReader {
  /** Principals that must be looked at for alerts by now, the longest overdue first. */
  dueWatches(now: Instant, limit: number): Promise<PrincipalId[]>;
  findings(query: FindingQuery, limit: number): Promise<StoredFinding[]>;
}

export interface OversightWriter {
  /**
   * When this principal must be looked at for alerts next; null: when something about it changes. That it changed, its certificates,
   * renewals or record, the store itself notices and has it looked at: this is for times, and for policies that changed.
   */
  putWatch(id: PrincipalId, dueAt: Instant | null): Promise<void>;
  putFinding(finding: StoredFinding): Promise<void>;
  /** Forgets findings of this kind that were not made again since; only those whose subject begins with `prefix`, if there is one. */
  forgetFindings(kind: string, before: Instant, prefix?: string): Promise<void>;
  dropFinding(kind: string, subject: string): Promise<void>;
}
