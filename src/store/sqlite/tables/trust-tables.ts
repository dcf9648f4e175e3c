// The tables of the way to the next roots as the query builder sees them.
import type { GeneratedAlways } from 'kysely';
import type { PrincipalId } from '../../../domain/principal.ts';
import type { Instant } from '../../../domain/time.ts';
import type { ControlVerdict } from '../../../domain/trust-record.ts';
import type { TrustCount, TrustPart } from '../../../ports/trust.ts';

export interface TrustRecordTable {
  principal_id: PrincipalId;
  offered_sequence: number | null;
  offered_root: number | null;
  offered_at: Instant | null;
  stored_sequence: number | null;
  stored_root: number | null;
  stored_at: Instant | null;
  stored_by: PrincipalId | null;
  last_root: number | null;
  last_at: Instant | null;
  reopened_at: Instant | null;
  visits: number;
  control: ControlVerdict | null;
  control_at: Instant | null;
}

export interface TrustTallyTable {
  part: GeneratedAlways<TrustPart>;
  name: GeneratedAlways<string>;
  measure: GeneratedAlways<TrustCount['measure']>;
  root: GeneratedAlways<number>;
  gates: GeneratedAlways<0 | 1>;
  count: GeneratedAlways<number>;
}
