// Until when a renewal's device may be passed over: the order in which offers and issuance are carried out.
import { gapsOf, neverCameBack } from '../../domain/presence.ts';
import { owed, type Renewal } from '../../domain/renewal.ts';
import { lastChanceAt } from '../../domain/rollout.ts';
import type { Instant } from '../../domain/time.ts';
import type { Reader, Transaction } from '../../ports/store.ts';

/** By the end of what it replaces and how rarely its device comes. A first enrollment goes before all others: its device can do nothing else. */
export async function lastChance(read: Reader, renewal: Renewal): Promise<Instant> {
  if (renewal.oldFingerprint === null) return 0;
  const presence = await read.presence(renewal.principalId);
  return lastChanceAt(renewal.deadline, gapsOf(presence?.gaps ?? neverCameBack));
}

/** Has a device told what its renewal owes it, if anything. Only an offer waits for its turn. */
export async function owePrompt(tx: Transaction, renewal: Renewal): Promise<void> {
  const what = owed(renewal);
  if (what === null) return;
  const { id: renewalId } = renewal;
  await tx.enqueue({ kind: 'prompt', renewalId, ...(what === 'offer' && { by: await lastChance(tx, renewal) }) });
}
