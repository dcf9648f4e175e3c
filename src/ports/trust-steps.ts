// The signed steps of roots, and what each principal was told of them. Who has proved what is kept elsewhere.
import type { PrincipalId } from '../domain/principal.ts';
import type { Instant } from '../domain/time.ts';
import type { KeptStep, TrustTold } from '../domain/trust-told.ts';

export interface TrustStepReader {
  /** All that are kept, in order of sequence. They are few: one home has some in the life of a root. */
  trustSteps(): Promise<readonly KeptStep[]>;
  /** The bytes of a step as devices fetch them; null: there is none of this sequence. */
  trustStepBytes(sequence: number): Promise<Uint8Array | null>;
  /** What a principal was told; null: nothing. */
  trustTold(id: PrincipalId): Promise<TrustTold | null>;
  /** Principals whose {@link TrustTold.nextAt} has come, the longest due first. */
  dueTrustTold(now: Instant, limit: number): Promise<PrincipalId[]>;
}

export interface TrustStepWriter {
  /**
   * Enters a step, or changes when and with which port it is announced and until when it is kept. What was signed never changes: fails with
   * NolapseError `conflict` where a step of this sequence has other bytes.
   */
  putTrustStep(step: KeptStep, bytes: Uint8Array): Promise<void>;
  /** Forgets the steps that need not be kept any more. @returns how many. */
  forgetTrustSteps(now: Instant): Promise<number>;
  putTrustTold(told: TrustTold): Promise<void>;
}
