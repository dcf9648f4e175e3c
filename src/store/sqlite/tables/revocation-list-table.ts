// The table of revocation lists as the query builder sees it.
import type { Generated, GeneratedAlways } from 'kysely';
import type { Instant } from '../../../domain/time.ts';

export interface RevocationListTable {
  shard: number;
  issuer: number;
  url: string | null;
  certificates: Generated<number>;
  last_not_after: Generated<Instant>;
  number: Generated<number>;
  this_update: Generated<Instant>;
  next_update: Generated<Instant>;
  scheduled_at: Generated<Instant>;
  entries: Generated<number>;
  bytes: Generated<number>;
  revoked: Generated<number>;
  urgent: Generated<number>;
  listed_revoked: Generated<number>;
  listed_urgent: Generated<number>;
  half_time: GeneratedAlways<Instant>;
}
