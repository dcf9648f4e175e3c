// The tables of roots' revocation lists as the query builder sees them.
import type { RevocationReason, Serial } from '../../../domain/certificate.ts';
import type { Instant } from '../../../domain/time.ts';

export interface RootListTable {
  root: number;
  number: number;
  this_update: Instant;
  next_update: Instant;
  entries: string;
  der: Uint8Array;
}

export interface RevokedIssuingTable {
  number: number;
  root: number;
  serial: Serial;
  not_after: Instant;
  revoked_at: Instant;
  reason: RevocationReason;
}
