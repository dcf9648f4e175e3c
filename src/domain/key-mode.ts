// In which key mode a renewal is made: the first the policy prefers that the device can do and its present key allows.
import type { RevocationReason } from './certificate.ts';
import type { Policy } from './policy.ts';
import type { KeyMode, Principal, PrincipalId } from './principal.ts';
import type { Instant } from './time.ts';

/** What is known of the key of the certificate being replaced. */
export interface KeyHistory {
  /** Can keys be agreed on with it (ECDH), so that a secret can be encrypted to it? */
  readonly agrees: boolean;
  /** Does the principal's profile allow a key of its type and size, and does the authority certify keys without a request? */
  readonly allowed: boolean;
  readonly record: KeyRecord;
}

/** What the ledger knows of a key, by all certificates it ever had. */
export interface KeyRecord {
  /** When it was certified first; null: it never was. */
  readonly since: Instant | null;
  /** The principal that alone ever had a certificate over it, or asked for one; null: there is none, or several. */
  readonly holder: PrincipalId | null;
  readonly isShared: boolean;
  /** Was a certificate over it revoked, or retired, for a reason that {@link taints} it? */
  readonly isTainted: boolean;
  /** Was one because the key was compromised? */
  readonly isCompromised: boolean;
}

/** The modes a device can do. One whose inventory record names none is taken to make its own keys. */
export function ableModes({ modes }: Pick<Principal, 'modes'>): readonly KeyMode[] {
  return modes.length > 0 ? modes : ['csr'];
}

/** Does it say something against a key that a certificate over it was revoked? What was replaced is revoked too, as superseded. */
export function taints(reason: RevocationReason | null): boolean {
  return reason !== 'superseded';
}

/** Does the replacement rest on the key of the certificate before it: over that key, or over one encrypted to it? */
export function restsOnPresentKey(mode: KeyMode): boolean {
  return mode !== 'csr';
}

/**
 * Is the key its principal's alone, as far as the ledger knows? Not when a certificate over it was revoked: whoever holds a
 * stolen key could read what is encrypted to it.
 */
function isSound({ record }: KeyHistory): boolean {
  return record.holder !== null && !record.isTainted;
}

/** May this key be certified once more at `now`? Its age counts from its first certificate. */
export function mayRecertify(history: KeyHistory, policy: Policy, now: Instant): boolean {
  const { since } = history.record;
  return history.allowed && isSound(history) && since !== null && now - since < policy.keyAgeMaxMs;
}

/**
 * Every mode a renewal may be made in now, the preferred first; empty when policy, device and key have none in common.
 * `history` is null where no certificate is replaced: a first enrollment.
 */
export function possibleKeyModes(
  policy: Policy,
  device: Pick<Principal, 'modes'>,
  history: KeyHistory | null,
  now: Instant,
): readonly KeyMode[] {
  const able = ableModes(device);
  const allows: Record<KeyMode, boolean> = {
    csr: true,
    recertify: history !== null && mayRecertify(history, policy, now),
    keygen: history?.agrees === true && isSound(history),
  };
  return policy.keyModes.filter((mode) => able.includes(mode) && allows[mode]);
}

/** Does it depend on the present key which mode is chosen? Not where the device is to make a new one in any case. */
export function dependsOnKey(policy: Policy, device: Pick<Principal, 'modes'>): boolean {
  const able = ableModes(device);
  const preferred = policy.keyModes.find((mode) => able.includes(mode));
  return preferred !== undefined && restsOnPresentKey(preferred);
}

/** The modes a policy allows, the preferred first, and what stands against each; null: nothing does. */
export function weighKeyModes(...facts: Parameters<typeof possibleKeyModes>) {
  const [policy, device] = facts;
  const possible = possibleKeyModes(...facts);
  const able = ableModes(device);
  return policy.keyModes.map((mode) => ({
    mode,
    objection: possible.includes(mode) ? null : able.includes(mode) ? ('key' as const) : ('device' as const),
  }));
}

/** @returns the preferred of {@link possibleKeyModes}, or null when there is none. */
export function chooseKeyMode(...[policy, device, history, now]: Parameters<typeof possibleKeyModes>): KeyMode | null {
  return possibleKeyModes(policy, device, history, now)[0] ?? null;
}
