// The table of roots' slots as the query builder sees it.
import type { Fingerprint } from '../../../domain/certificate.ts';
import type { RootState } from '../../../domain/root-slots.ts';
import type { Instant } from '../../../domain/time.ts';

export interface RootSlotTable {
  number: number;
  state: RootState;
  fingerprint: Fingerprint;
  not_before: Instant;
  not_after: Instant;
  prepared_at: Instant;
  distributed_at: Instant | null;
  activated_at: Instant | null;
  ended_at: Instant | null;
  port: number | null;
  sequence: number | null;
  step: Uint8Array | null;
  backup_at: Instant | null;
}
