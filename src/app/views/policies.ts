// What operators are told of policies: the values of each with the rules that gave them, and what follows from them.
import type { PolicyOrigin } from '../../domain/policy-set.ts';
import type { DueBy } from '../../domain/presence.ts';
import type { Cohort, Criticality, KeyMode, PrincipalStatus } from '../../domain/principal.ts';
import type { Dryable, Insistence, TollView } from './decisions.ts';

/** What follows from a policy for a certificate in use. Times in Unix milliseconds. */
export interface PlannedCertificate {
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** The open renewal that replaces it. */
  readonly renewal: string | null;
  /** When its replacement is due; null: its renewal is open, or none is planned. */
  readonly dueAt: number | null;
  /** What the due date is reckoned from: `renewAt` as the policy has it, less its place in the spread, or so much earlier as gaps demand. */
  readonly reckoned: {
    readonly renewAt: number;
    readonly spreadMs: number;
    readonly at: number;
    readonly by: DueBy;
  };
  /** In which a renewal is made, or would be now; null: in none. */
  readonly keyMode: KeyMode | null;
  /** What the policy allows, the preferred first, and what stands against each: the device cannot, or its key must not. */
  readonly keyModes: readonly { readonly mode: KeyMode; readonly objection: 'device' | 'key' | null }[];
  /** How long it is admitted once its replacement was seen, in milliseconds. */
  readonly overlapMs: number;
  readonly graceUntil: number;
  readonly warnAt: number;
  readonly alarmAt: number;
  /** When a renewal that begins on the due date, or has begun, is overdue. */
  readonly overdueAt: number | null;
}

/** The policy of one principal. */
export interface PolicyView {
  readonly id: string;
  readonly class: string;
  readonly criticality: Criticality;
  /** Only what is active is renewed by it. */
  readonly status: PrincipalStatus;
  /** False: it has the default's policy, because its class is not configured. */
  readonly classIsConfigured: boolean;
  readonly cohort: Cohort;
  readonly values: readonly PolicyOrigin[];
  readonly certificates: readonly PlannedCertificate[];
}

export interface PolicyRow {
  readonly class: string;
  readonly criticality: Criticality;
  readonly values: readonly PolicyOrigin[];
}

/** What became of a configuration that was read anew. */
export interface ReloadView {
  /** Classes and criticalities, as `class/criticality`, whose policy is another now, is new or is gone. */
  readonly changed: readonly string[];
  /** What else in it differs, by its section: that counts from the next start on. */
  readonly atNextStart: readonly string[];
  /** False: it was only shown. */
  readonly applied: boolean;
  /** What the changed policies do to the certificates in use; null: no policy has changed. */
  readonly toll: TollView | null;
}

export interface ReloadRequest extends Insistence, Dryable {}
