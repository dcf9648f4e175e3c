// In which key mode a renewal is made: the first the policy prefers that the device can do and its present key allows.
import type { LedgerEntry } from './certificate.ts';
import type { KeyMode, Policy } from './policy.ts';
import type { Principal } from './principal.ts';
import type { Instant } from './time.ts';

/** What is known of the key of the certificate being replaced. */
export interface KeyHistory {
  /** Can keys be agreed on with it (ECDH), so that a secret can be encrypted to it? */
  readonly agrees: boolean;
  /** Every ledger entry that certifies it. */
  readonly entries: readonly LedgerEntry[];
}

/** May this key be certified once more at `now`? Not when a certificate over it was revoked, or it is older than the policy allows. */
export function mayRecertify({ entries }: KeyHistory, policy: Policy, now: Instant): boolean {
  if (entries.length === 0) return false;
  // What was replaced is revoked too, as superseded: that says nothing against its key.
  if (entries.some((entry) => entry.state === 'revoked' && entry.revocationReason !== 'superseded')) return false;
  const since = Math.min(...entries.map((entry) => entry.issuedAt));
  return now - since < policy.keyAgeMaxMs;
}

/** @returns the mode, or null when policy, device and key have none in common. `history` is null for a first enrollment. */
export function chooseKeyMode(
  policy: Policy,
  device: Pick<Principal, 'modes'>,
  history: KeyHistory | null,
  now: Instant,
): KeyMode | null {
  const able = device.modes.length > 0 ? device.modes : (['csr'] as const);
  const fits = (mode: KeyMode): boolean => {
    if (!able.some((each) => each === mode)) return false;
    if (mode === 'recertify') return history !== null && mayRecertify(history, policy, now);
    return mode === 'csr' || history?.agrees === true;
  };
  return policy.keyModes.find(fits) ?? null;
}
