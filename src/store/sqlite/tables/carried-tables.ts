// Tables that are kept by gateway, as the query builder knows them.
import type { EnrollmentCode } from '../../../domain/errors.ts';
import type { PrincipalId } from '../../../domain/principal.ts';
import type { Instant } from '../../../domain/time.ts';

export interface Carried {
  gateway_id: PrincipalId;
}

/** What renewals were refused; the gateway is empty where the device itself was. */
export interface RefusalTable extends Carried {
  renewal_id: string;
  code: EnrollmentCode;
  detail: string;
  first_at: Instant;
  last_at: Instant;
  times: number;
  over_at: Instant | null;
}
