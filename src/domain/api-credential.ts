// What opens the HTTP API: a token or an operator's certificate, and whether it still does. Pure: both are found by a digest, and the
// clock is passed in.
import type { Right } from './access-right.ts';
import type { Fingerprint } from './certificate.ts';
import { escapeName } from './escape.ts';
import type { Instant } from './time.ts';

export const credentialKinds = ['token', 'certificate'] as const;
export type CredentialKind = (typeof credentialKinds)[number];

export interface ApiCredential extends Right {
  readonly id: string;
  readonly kind: CredentialKind;
  /** What it was named; of a certificate, its operator. */
  readonly name: string;
  /** Whom it acts for: an operator, or where no operator made the token, the token itself. Two steps need two of them. */
  readonly person: string;
  /** SHA-256 of the token's text, or of the certificate's DER. */
  readonly digest: Fingerprint;
  /** The id of the credential that made it, without which it opens nothing; null: it was made on the gateway itself. */
  readonly parent: string | null;
  readonly createdAt: Instant;
  readonly createdBy: string;
  readonly endsAt: Instant;
  readonly revokedAt: Instant | null;
  /** To the minute. */
  readonly lastUsedAt: Instant | null;
}

/** Why a credential opens nothing. The caller is told none of them. */
export type CredentialRefusal = 'unknown' | 'wrong_kind' | 'revoked' | 'ended';

/** Null: it opens the API. `kind`: what was presented. */
export function objectToCredential(
  credential: Pick<ApiCredential, 'kind' | 'endsAt' | 'revokedAt'> | null,
  kind: CredentialKind,
  now: Instant,
): CredentialRefusal | null {
  if (!credential) return 'unknown';
  if (credential.kind !== kind) return 'wrong_kind';
  if (credential.revokedAt !== null) return 'revoked';
  return credential.endsAt <= now ? 'ended' : null;
}

const nameRule = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;
export const credentialNameRule =
  'expected 1 to 64 letters, digits, ".", "_", "@" or "-", beginning with a letter or digit';

export function isCredentialName(text: string): boolean {
  return nameRule.test(text) && !text.includes('..');
}

/** Its right alone. */
export function rightOf({ permission, owners, sites }: Right): Right {
  return { permission, owners, sites };
}

/** How the journal names it as an actor. */
export function actorNameOf({
  kind,
  name,
  id,
  person,
}: Pick<ApiCredential, 'kind' | 'name' | 'id' | 'person'>): string {
  if (kind === 'certificate') return name;
  return person === tokenPerson(name) ? `token ${name} (${id})` : `${person}, token ${name} (${id})`;
}

/** Whom a token acts for that no operator made. */
export function tokenPerson(name: string): string {
  return `token ${name}`;
}

const operatorPrefix = 'urn:nolapse:operator:';

/** The URI that names an operator in a certificate's subject alternative name. No principal has one of this kind. */
export function operatorUri(name: string): string {
  return operatorPrefix + escapeName(name);
}

export function isOperatorUri(uri: string): boolean {
  return uri.startsWith(operatorPrefix);
}

/** Credentials of a home that can be used at a time. */
export const credentialsMax = 10_000;
/** How often, at most, a use is written. */
export const useNotedMs = 60_000;
