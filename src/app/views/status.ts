// The answer to "will anything go dark, whose is it, what do I do?", as one page.
import type { Actor } from '../../domain/actor.ts';
import type { Criticality } from '../../domain/principal.ts';
import type { Check } from './broker.ts';
import type { DarkDevice } from './forecast.ts';

export interface StatusQuery {
  /** How far to look ahead; 30 where none is said. */
  readonly days?: number;
}

/** A device that is dark or will be, with what to do about it. */
export interface Concern extends DarkDevice {
  readonly criticality: Criticality;
  /** To be typed next. */
  readonly command: string;
}

export interface StatusGroup {
  readonly owner: string;
  readonly site: string | null;
  readonly darkNow: number;
  readonly darkAhead: number;
  /** The highest criticality of one of them. */
  readonly worst: Criticality;
  /** When the first of them is dark, or has been since. */
  readonly firstAt: number;
}

/** What was decided of late: the lines of one action together. */
export interface StatusChange {
  readonly action: string;
  readonly count: number;
  readonly lastAt: number;
  /** What the last of them says. */
  readonly detail: string;
  /** Who had the last of them done; null: the broker itself. */
  readonly actor: Actor | null;
}

export interface StatusView {
  readonly now: number;
  /** In days. */
  readonly ahead: number;
  readonly darkNow: number;
  /** Those that are expected to be dark within the days ahead and are not now. */
  readonly darkAhead: number;
  /** The first of those; null: there is none. */
  readonly first: Concern | null;
  /** Principals that never had a certificate. */
  readonly without: number;
  /** Of these, those of kind device. */
  readonly withoutDevices: number;
  /** What is not well with the broker itself; empty: all is. */
  readonly gateway: readonly Check[];
  /** By owner and site: the most critical first, then the most; at most 1,000. */
  readonly groups: readonly StatusGroup[];
  /** The ten that matter most: by criticality, then by time. */
  readonly concerns: readonly Concern[];
  /** Of the last 24 hours, the newest first. */
  readonly changes: readonly StatusChange[];
}
