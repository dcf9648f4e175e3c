// Who may exist: the inventory's record and the grammar of its identifier.
import type { KeyMode } from './policy.ts';
import type { Cohort } from './rollout.ts';

export type PrincipalId = string & { readonly brand: 'PrincipalId' };

export const principalKinds = ['device', 'gateway', 'service'] as const;
export type PrincipalKind = (typeof principalKinds)[number];

export const principalStatuses = ['active', 'quarantined', 'decommissioned'] as const;
export type PrincipalStatus = (typeof principalStatuses)[number];

export const criticalities = ['low', 'medium', 'high', 'critical'] as const;
export type Criticality = (typeof criticalities)[number];

export const encodings = ['json', 'cbor'] as const;
export type Encoding = (typeof encodings)[number];

/** One inventory record. */
export interface Principal {
  readonly id: PrincipalId;
  readonly kind: PrincipalKind;
  readonly status: PrincipalStatus;
  readonly owner: string;
  readonly class: string;
  readonly criticality: Criticality;
  readonly site: string | null;
  readonly gateway: PrincipalId | null;
  /** The encoding to open a conversation in, for a device that never speaks first; null: as it last spoke, else JSON. */
  readonly encoding: Encoding | null;
  /** The key modes the device can do; empty: the one that needs nothing of the gateway, `csr`. */
  readonly modes: readonly KeyMode[];
  /** The largest MQTT packet it takes, in bytes, until it says so itself; null: not known. */
  readonly packetBytesMax: number | null;
  /** Credentials it can hold at once, until it says so itself; null: not known. */
  readonly slots: number | null;
  /** Its turn in campaigns; null: as its id falls out. */
  readonly cohort: Cohort | null;
  /** The inventory source that brought it and may change it; null: entered by hand. */
  readonly source: string | null;
}

/** What the device last told us about itself on the enrollment topics; it may change at every hello. */
export interface Contact {
  readonly principalId: PrincipalId;
  readonly encoding: Encoding | null;
  readonly packetBytesMax: number | null;
  readonly slots: number | null;
  /** Device clock minus gateway clock at the last hello, in milliseconds. */
  readonly clockSkewMs: number | null;
  readonly lastSeenAt: number | null;
}

/** Credentials a device can say that it holds at once. */
export const slotsMost = 1_000;

/** Longest principal id. 64 is the upper bound of an X.520 common name (RFC 5280, ub-common-name). */
export const principalIdLengthMax = 64;

// `lane` would make the client ids of its suffixed sessions equal to those the renew-only lane gives out.
const reservedIds: ReadonlySet<string> = new Set(['lane']);

/**
 * Checks an identifier: a letter or digit, then letters, digits, `.`, `_` and `-`, at most 64 characters.
 * The grammar keeps out MQTT wildcards and separators, path segments (`..`) and the client-id separator `:`.
 * @returns the branded id, or null.
 */
export function parsePrincipalId(text: unknown): PrincipalId | null {
  if (typeof text !== 'string' || text.length > principalIdLengthMax) return null;
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text) || text.includes('..') || reservedIds.has(text)) return null;
  return text as PrincipalId;
}

/** The rule of {@link parsePrincipalId} in words, for error messages. */
export const principalIdRule =
  '1 to 64 letters, digits, ".", "_" or "-", beginning with a letter or digit, without ".."; "lane" is reserved';

/** The URI that names a principal in a certificate's subject alternative name: `urn:nolapse:<kind>:<id>`. */
export function principalUri(kind: PrincipalKind, id: PrincipalId): string {
  return `urn:nolapse:${kind}:${id}`;
}
