// The table of issuing CAs' slots as the query builder sees it.
import type { Fingerprint } from '../../../domain/certificate.ts';
import type { SlotState } from '../../../domain/issuing-slots.ts';
import type { Instant } from '../../../domain/time.ts';

export interface IssuingSlotTable {
  number: number;
  root: number;
  state: SlotState;
  key_fingerprint: Fingerprint;
  fingerprint: Fingerprint | null;
  not_before: Instant | null;
  not_after: Instant | null;
  prepared_at: Instant;
  activated_at: Instant | null;
  replaced_at: Instant | null;
  ended_at: Instant | null;
  last_leaf_end: Instant;
}
