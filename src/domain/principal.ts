// Who may exist: the inventory's record and the grammar of its identifier.
import { escapeName, unescapeName } from './escape.ts';
import type { Instant } from './time.ts';

export type PrincipalId = string & { readonly brand: 'PrincipalId' };

export const principalKinds = ['device', 'gateway', 'service'] as const;
export type PrincipalKind = (typeof principalKinds)[number];

export const principalStatuses = ['active', 'quarantined', 'decommissioned'] as const;
export type PrincipalStatus = (typeof principalStatuses)[number];

export const criticalities = ['low', 'medium', 'high', 'critical'] as const;
export type Criticality = (typeof criticalities)[number];

export const encodings = ['json', 'cbor'] as const;
export type Encoding = (typeof encodings)[number];

/** Who makes the key of a replacement: the device, nobody (the key it has is certified again), or the broker. */
export const keyModes = ['csr', 'recertify', 'keygen'] as const;
export type KeyMode = (typeof keyModes)[number];

/** The parts of a fleet, in the order in which a campaign takes them. */
export const cohorts = ['canary', 'early', 'broad'] as const;
export type Cohort = (typeof cohorts)[number];

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
  /** The key modes the device can do; empty: the one that needs nothing of the broker, `csr`. */
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

/** What the device last told us about itself on its own connection; it may change at every hello. */
export interface Contact {
  readonly principalId: PrincipalId;
  readonly encoding: Encoding | null;
  readonly packetBytesMax: number | null;
  readonly slots: number | null;
  /** Device clock minus broker clock at the last hello, in milliseconds. */
  readonly clockSkewMs: number | null;
  readonly lastSeenAt: number | null;
}

/** What a site gateway last told of a device it speaks for. It says how to speak to the device through that site gateway alone. */
export interface CarriedContact extends Contact {
  readonly gatewayId: PrincipalId;
}

/** What somebody is known by who has said nothing. */
export const nothingSaid = { encoding: null, packetBytesMax: null, slots: null, clockSkewMs: null } as const;

/** Credentials a device can say that it holds at once. */
export const slotsMost = 1_000;

/** Longest principal id. 64 is the upper bound of an X.520 common name (RFC 5280, ub-common-name). */
export const principalIdLengthMax = 64;

/** The id nobody may have, nor one that begins with it and a colon: client ids of renew-only sessions begin so. */
export const reservedId = 'lane';

/**
 * Checks an identifier: letters, digits, `.`, `_`, `-`, `:` and `@`, beginning with a letter or digit, at most 64 characters. That
 * takes MAC addresses, e-mail addresses and URNs, and keeps out MQTT wildcards and separators, options of a command line and
 * formulas of a spreadsheet. No `..`: an id never climbs a path. No colon at the end: a client id with an empty suffix is nobody's id.
 * @returns the branded id, or null.
 */
export function parsePrincipalId(text: unknown): PrincipalId | null {
  if (typeof text !== 'string' || text.length > principalIdLengthMax) return null;
  if (!/^[A-Za-z0-9][A-Za-z0-9._:@-]*$/.test(text) || text.includes('..') || text.endsWith(':')) return null;
  return text === reservedId || text.startsWith(`${reservedId}:`) ? null : (text as PrincipalId);
}

/** The rule of {@link parsePrincipalId} in words, for error messages. */
export const principalIdRule =
  '1 to 64 letters, digits, ".", "_", "-", ":" or "@", beginning with a letter or digit, without ".." and without a ":" at the end; "lane" and what begins with "lane:" are reserved';

/** Do two ids differ, and only in the case of their letters? Nobody may have such a pair: people and file systems confuse them. */
export function differsByCase(one: string, other: string): boolean {
  return one !== other && one.toLowerCase() === other.toLowerCase();
}

const uriPrefix = 'urn:nolapse:';

/** The URI that names a principal in a certificate's subject alternative name: `urn:nolapse:<kind>:<id>`, the id escaped. */
export function principalUri(kind: PrincipalKind, id: PrincipalId): string {
  return `${uriPrefix}${kind}:${escapeName(id)}`;
}

/** Does this URI claim to name a principal of nolapse, whether it names one or not? */
export function isPrincipalUri(uri: string): boolean {
  return uri.startsWith(uriPrefix);
}

/**
 * Reads what {@link principalUri} writes, and the same with the id as it is: a device may not know of the escape. All after the
 * kind is the id. @returns null for a URI that names no id there could be; the kind is as it stands there.
 */
export function parsePrincipalUri(uri: string): { readonly kind: string; readonly id: PrincipalId } | null {
  const [, kind, name] = /^urn:nolapse:([^:]*):(.*)$/s.exec(uri) ?? [];
  if (kind === undefined || name === undefined) return null;
  const id = parsePrincipalId(unescapeName(name) ?? name);
  return id && { kind, id };
}

/** What decides whether a site gateway can connect, and so speak for the devices behind it. */
export interface GatewayStanding {
  readonly status: PrincipalStatus;
  /** Until when a certificate lets it in; null: it never had one. */
  readonly litUntil: Instant | null;
}

/** Could it come to speak for others? One that never had a certificate is about to be given one. */
export function maySpeakForOthers({ status, litUntil }: GatewayStanding, now: Instant): boolean {
  return status === 'active' && (litUntil === null || litUntil > now);
}
