// What a ledger restored from a backup learns from the record of what was issued and revoked after it. What is revoked stays so.
import type { LedgerEntry } from './certificate.ts';
import type { Principal } from './principal.ts';
import type { Instant } from './time.ts';

/** A change of the ledger: a certificate that is new or has another state, or a principal whose status changed. */
export interface LedgerChange {
  readonly kind: 'issued' | 'state' | 'principal';
  readonly certificate: LedgerEntry | null;
  /** Of a new certificate, whose it is. */
  readonly principal: Principal | null;
}

/** @param known the ledger's; null: it has none. @returns what the ledger is to have; null: it stays as it is. */
export function mergePrincipal(known: Principal | null, { kind, principal }: LedgerChange): Principal | null {
  if (!principal) return null;
  if (!known) return principal;
  if (kind === 'issued' || known.status === 'decommissioned' || known.status === principal.status) return null;
  return { ...known, status: principal.status };
}

/**
 * @param known the ledger's; null: it has none. @param hasRenewal does the ledger have the renewal it came by?
 * One in use whose replacement was under way is due at once: that renewal may be unknown.
 * @returns what the ledger is to have; null: it stays as it is.
 */
export function mergeCertificate(
  known: LedgerEntry | null,
  recorded: LedgerEntry,
  { hasRenewal, now }: { readonly hasRenewal: boolean; readonly now: Instant },
): LedgerEntry | null {
  if (known?.state === 'revoked' || known?.state === 'retired') return null;
  const { state, activatedAt, lastSeenAt, overlapUntil, revokedAt, revocationReason } = recorded;
  const renewAt = state === 'active' ? (recorded.renewAt ?? now) : recorded.renewAt;
  const origin = known ?? { ...recorded, renewalId: hasRenewal ? recorded.renewalId : null };
  return { ...origin, state, activatedAt, lastSeenAt, renewAt, overlapUntil, revokedAt, revocationReason };
}
