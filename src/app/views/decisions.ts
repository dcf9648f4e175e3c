// What operators are told of a decision that changes the dates of certificates in use, and how they insist on one that is refused.
import type { ShortReason } from '../../domain/time-left.ts';

/** A certificate that a decision leaves too little time to be replaced. Times in Unix milliseconds. */
export interface ShortDevice {
  readonly id: string;
  readonly owner: string;
  readonly serial: string;
  readonly endsAt: number;
  /** When it would be due; null: it has no due date. */
  readonly dueAt: number | null;
  readonly why: ShortReason;
  readonly detail: string;
}

/** Certificates that a decision leaves too little time for one reason. */
export interface ShortGroup {
  readonly why: ShortReason;
  readonly count: number;
  readonly detail: string;
}

/** What a decision does to the dates of the certificates in use. */
export interface TollView {
  readonly looked: number;
  readonly earlier: number;
  readonly later: number;
  readonly unmoved: number;
  /** Fall due by it, at once. */
  readonly dueAtOnce: number;
  readonly offersPerSecond: number;
  /** How long it takes to offer replacements to those, in milliseconds. */
  readonly offersTakeMs: number;
  /** Renewals a day that the certificates need without it and with it, and the most that the rate limits allow. */
  readonly perDay: { readonly without: number; readonly withIt: number; readonly most: number };
  /** Certificates that have too little time with it, and enough without. */
  readonly short: number;
  /** The first of them; at most 20. */
  readonly devices: readonly ShortDevice[];
  /** All of them, by reason. */
  readonly reasons: readonly ShortGroup[];
  /** Why it is refused unless somebody insists, a sentence each; empty: it is not. */
  readonly objections: readonly string[];
}

/** Devices that a decision leaves without a way to renew. */
export interface CutOffView {
  readonly devices: number;
  /** Whose certificate ends first, in Unix milliseconds; null: there are none. */
  readonly first: { readonly id: string; readonly owner: string; readonly endsAt: number } | null;
}

/** What a dry run would have recorded: nothing was done. */
export interface DryRunView {
  /** The first of them, a sentence each. */
  readonly steps: readonly string[];
  readonly more: number;
}

/** Of a decision that can be shown before it is carried out. */
export interface Dryable {
  /** Only show what would follow. */
  readonly dryRun?: boolean;
}

/** Somebody wants a decision carried out although it leaves certificates too little time. */
export interface Insistence {
  readonly force?: boolean;
  /** Required with `force`; kept in the journal. */
  readonly reason?: string;
  /** Who says so. */
  readonly by?: string;
}
