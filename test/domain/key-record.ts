// What is known of a key, from all the certificates it ever had: how a store must answer, and what the domain judges by.
import type { LedgerEntry } from '../../src/domain/certificate.ts';
import { type KeyRecord, taints } from '../../src/domain/key-mode.ts';

export function recordOf(entries: readonly LedgerEntry[]): KeyRecord {
  const holders = [...new Set(entries.map(({ principalId }) => principalId))];
  const reasons = entries.flatMap(({ revocationReason }) => revocationReason ?? []);
  return {
    since: entries.length > 0 ? Math.min(...entries.map(({ issuedAt }) => issuedAt)) : null,
    holder: holders.length === 1 ? (holders[0] ?? null) : null,
    isShared: holders.length > 1,
    isTainted: reasons.some(taints),
    isCompromised: reasons.includes('keyCompromise'),
  };
}
