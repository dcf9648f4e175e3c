// Until when a renewal's device may be passed over: the order in which offers and issuance are carried out.
import { type GapRecord, gapsOf } from '../../domain/presence.ts';
import type { Renewal } from '../../domain/renewal.ts';
import { lastChanceAt } from '../../domain/rollout.ts';
import type { Instant } from '../../domain/time.ts';
import type { Reader } from '../../ports/store.ts';

const neverCameBack: GapRecord = new Uint8Array();

/** By the end of what it replaces and how rarely its device comes. A first enrollment goes before all others: its device can do nothing else. */
export async function lastChance(read: Reader, renewal: Renewal): Promise<Instant> {
  if (renewal.oldFingerprint === null) return 0;
  const presence = await read.presence(renewal.principalId);
  return lastChanceAt(renewal.deadline, gapsOf(presence?.gaps ?? neverCameBack));
}
