// Releases a signed step: from then on it is announced. Who signs it, and who may release it, is decided by who calls.
import type { KeptStep } from '../../domain/trust-told.ts';
import type { Change } from '../change.ts';

/**
 * Enters a step into the ledger, or one that is there with another port or time. Where it is to be announced by now, everybody who listens
 * is told; others are when they come. `bytes` as `signStep` made them. Fails with NolapseError `conflict` where its sequence is taken.
 */
export async function putStep(
  { tx, now }: Pick<Change, 'tx' | 'now'>,
  step: KeptStep,
  bytes: Uint8Array,
): Promise<void> {
  await tx.putTrustStep(step, bytes);
  if (step.announcedFrom === null || step.announcedFrom > now) return;
  await tx.enqueue({ kind: 'announce-all', sequence: step.sequence, after: null });
}
