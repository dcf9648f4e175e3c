// May this request be certified? One linear list of refusals, and a token that only it can make: Authority.issue takes
// nothing else, so an unchecked certificate cannot be signed.
import type { Fingerprint, Serial } from './certificate.ts';
import type { EnrollmentCode } from './errors.ts';
import type { KeyMode } from './policy.ts';
import { type PrincipalId, type PrincipalKind, parsePrincipalUri, principalUri } from './principal.ts';
import type { Instant } from './time.ts';

export type KeyAlgorithm = 'ec-p256' | 'ec-p384' | 'ed25519' | 'rsa';

/** A public key as found in a request. */
export interface KeyFacts {
  /** Null: a type or curve this gateway does not know. */
  readonly algorithm: KeyAlgorithm | null;
  /** Modulus length of an RSA key in bits; 0 otherwise. */
  readonly bits: number;
  readonly fingerprint: Fingerprint;
  readonly spki: Uint8Array;
}

/** What was read out of a PKCS#10 request. */
export interface RequestFacts {
  readonly commonNames: readonly string[];
  /** Subject attributes other than the common name. */
  readonly otherSubjectAttributes: number;
  readonly uris: readonly string[];
  /** Subject alternative names that are not URIs. */
  readonly otherNames: number;
  /** OIDs of the requested extensions other than subjectAltName. */
  readonly extensions: readonly string[];
  readonly signatureValid: boolean;
  readonly key: KeyFacts;
}

/** The certificate profile's part that requests are held against (certs/*.yaml). */
export interface Profile {
  readonly name: string;
  readonly keys: readonly KeyAlgorithm[];
  readonly rsaBitsMin: number;
  readonly rsaBitsMax: number;
  readonly keyUsage: readonly ('digitalSignature' | 'keyEncipherment' | 'keyAgreement' | 'keyCertSign' | 'cRLSign')[];
  readonly extendedKeyUsage: readonly ('clientAuth' | 'serverAuth')[];
}

/** Everything the authority needs to sign, settled before it signs: a second signing makes the same certificate anew. */
interface CertificateRequest {
  readonly principalId: PrincipalId;
  readonly kind: PrincipalKind;
  readonly uri: string;
  readonly serial: Serial;
  readonly spki: Uint8Array;
  readonly keyFingerprint: Fingerprint;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly profile: string;
}

declare const approved: unique symbol;
export type ApprovedRequest = CertificateRequest & { readonly [approved]: true };

export interface ApprovalInput {
  readonly facts: RequestFacts;
  readonly principalId: PrincipalId;
  readonly kind: PrincipalKind;
  readonly profile: Profile;
  readonly serial: Serial;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** Whose key is it already, as far as the ledger knows? */
  readonly keyHolder: 'nobody' | 'itself' | 'another';
  /** In `recertify` the key is the principal's already, and is to be certified again. */
  readonly mode: KeyMode;
}

export type Approval =
  | { readonly kind: 'approved'; readonly request: ApprovedRequest }
  | { readonly kind: 'refused'; readonly code: EnrollmentCode; readonly detail: string };

const harmlessExtensions: ReadonlySet<string> = new Set(['2.5.29.15', '2.5.29.37']);

type Objection = { readonly code: EnrollmentCode; readonly detail: string } | null;

function objectToKey({ algorithm, bits }: KeyFacts, profile: Profile): Objection {
  if (algorithm === null) return { code: 'key_refused', detail: 'unknown key type or curve' };
  if (!profile.keys.includes(algorithm)) return { code: 'key_refused', detail: `${algorithm} is not in the profile` };
  if (algorithm === 'rsa' && (bits < profile.rsaBitsMin || bits > profile.rsaBitsMax)) {
    return {
      code: 'key_refused',
      detail: `RSA ${bits} is outside ${profile.rsaBitsMin} to ${profile.rsaBitsMax} bits`,
    };
  }
  return null;
}

/** Does the profile allow a key of this type and size? */
export function allowsKey(profile: Profile, key: KeyFacts): boolean {
  return objectToKey(key, profile) === null;
}

function objectToNames({ facts, principalId, kind }: ApprovalInput): Objection {
  const code = 'subject_mismatch';
  if (facts.otherSubjectAttributes > 0) return { code, detail: 'the subject holds more than a common name' };
  if (facts.commonNames.length > 1) return { code, detail: 'more than one common name' };
  if (facts.commonNames.some((name) => name !== principalId))
    return { code, detail: 'common name is not the principal' };
  if (facts.otherNames > 0) return { code, detail: 'an alternative name that is not a URI' };
  const named = facts.uris.map(parsePrincipalUri);
  if (named.some((each) => each?.kind !== kind || each.id !== principalId))
    return { code, detail: 'URI names another' };
  return null;
}

function objectToExtensions({ facts }: ApprovalInput): Objection {
  // Key usages are set by the profile whatever the request says; a request that states them is common and harmless.
  const first = facts.extensions.find((oid) => !harmlessExtensions.has(oid));
  return first === undefined ? null : { code: 'extension_refused', detail: `extension ${first}` };
}

function objectToHolder({ keyHolder, mode }: ApprovalInput): Objection {
  if (keyHolder === 'another') return { code: 'key_in_use', detail: 'another principal holds this key' };
  return keyHolder === 'itself' && mode !== 'recertify'
    ? { code: 'key_reused', detail: 'make a new key for this request' }
    : null;
}

const objections: readonly ((input: ApprovalInput) => Objection)[] = [
  ({ facts, profile }) => objectToKey(facts.key, profile),
  ({ facts }) => (facts.signatureValid ? null : { code: 'bad_signature', detail: 'possession is not proven' }),
  objectToNames,
  objectToExtensions,
  objectToHolder,
];

/**
 * Holds a request against profile, principal and ledger. What a device asks for beyond its due is refused, never copied:
 * names come from the inventory, usages from the profile, validity from the policy.
 */
export function approve(input: ApprovalInput): Approval {
  for (const objectTo of objections) {
    const objection = objectTo(input);
    if (objection) return { kind: 'refused', ...objection };
  }
  return { kind: 'approved', request: settle(input) };
}

function settle(input: ApprovalInput): ApprovedRequest {
  const request: CertificateRequest = {
    principalId: input.principalId,
    kind: input.kind,
    uri: principalUri(input.kind, input.principalId),
    serial: input.serial,
    spki: input.facts.key.spki,
    keyFingerprint: input.facts.key.fingerprint,
    notBefore: input.notBefore,
    notAfter: input.notAfter,
    profile: input.profile.name,
  };
  return request as ApprovedRequest;
}
