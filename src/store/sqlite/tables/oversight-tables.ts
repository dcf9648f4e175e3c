// The tables of what watching over a fleet needs, as the query builder sees them.
import type { PrincipalId } from '../../../domain/principal.ts';
import type { Instant } from '../../../domain/time.ts';

export interface FindingTable {
  kind: string;
  subject: string;
  detail: string;
  first_at: Instant;
  last_at: Instant;
}

export interface SettingTable {
  name: string;
  value: string;
}

export interface WatchTable {
  principal_id: PrincipalId;
  due_at: Instant;
}

export interface TallyTable {
  subject: 'certificate' | 'renewal' | 'alert' | 'late';
  state: string;
  count: number;
}
