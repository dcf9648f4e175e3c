// What the ledger knows of a principal and the steps of roots, as the plan takes it.
import type { PrincipalId } from '../../domain/principal.ts';
import type { Instant } from '../../domain/time.ts';
import type { PlanFacts } from '../../domain/trust-plan.ts';
import { lastRoot, noRecord } from '../../domain/trust-record.ts';
import { nothingTold, type TellingWay, toldSince } from '../../domain/trust-told.ts';
import type { Reader } from '../../ports/store.ts';
import type { Way } from '../renewal/delivery-profile.ts';

/** All site gateways together are one way beside the principal's own connection. */
export function tellingWay(path: Way): TellingWay {
  return path === null ? 'own' : 'carried';
}

export async function planFacts(read: Reader, id: PrincipalId, now: Instant): Promise<PlanFacts> {
  const record = (await read.trustRecord(id)) ?? noRecord(id);
  const offered = record.offered?.sequence ?? 0;
  const connects = { lastRoot: lastRoot(record), reopenedAt: record.reopenedAt, offered };
  const told = toldSince((await read.trustTold(id)) ?? nothingTold(id), connects);
  return { steps: await read.trustSteps(), told, connects, now };
}
