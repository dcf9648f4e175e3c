// What one operator has asked for over the HTTP API and another is to approve.
import type { Instant } from '../domain/time.ts';

export interface Approval {
  readonly id: string;
  /** The name of an operation, and its input as JSON. */
  readonly operation: string;
  readonly input: string;
  /** What it is, in one sentence. */
  readonly summary: string;
  /** The credential that asked, whom it acts for, and how the journal names it. */
  readonly credential: string;
  readonly person: string;
  readonly askedBy: string;
  readonly reason: string | null;
  readonly askedAt: Instant;
  readonly endsAt: Instant;
}

/** That wait at a time. */
export const approvalsMax = 1_000;

export interface ApprovalReader {
  approval(id: string): Promise<Approval | null>;
  /** In order of id; those that have ended too, until they are forgotten. */
  approvals(): Promise<Approval[]>;
}

export interface ApprovalWriter {
  /** Fails with NolapseError `conflict` where {@link approvalsMax} wait. */
  putApproval(approval: Approval): Promise<void>;
  /** False: it was not there. */
  dropApproval(id: string): Promise<boolean>;
  forgetApprovals(endedBefore: Instant): Promise<void>;
}
