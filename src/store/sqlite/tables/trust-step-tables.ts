// The tables of steps as the query builder sees them.
import type { PrincipalId } from '../../../domain/principal.ts';
import type { Instant } from '../../../domain/time.ts';
import type { StepKind } from '../../../domain/trust-step.ts';

export interface TrustStepTable {
  sequence: number;
  kind: StepKind;
  signer: number;
  named: number;
  bytes: Uint8Array;
  port: number;
  made_at: Instant;
  announced_from: Instant | null;
  kept_until: Instant;
}

export interface TrustToldTable {
  principal_id: PrincipalId;
  /** JSON of what was told but for `nextAt`. */
  body: string;
  tell_at: Instant | null;
}
