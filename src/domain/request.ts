// May this request be certified? One linear list of refusals, and a token that only it can make: Authority.issue takes
// nothing else, so an unchecked certificate cannot be signed.
import type { Fingerprint, Serial } from './certificate.ts';
import type { EnrollmentCode } from './errors.ts';
import { type KeyMode, type PrincipalId, type PrincipalKind, parsePrincipalUri, principalUri } from './principal.ts';
import type { Instant } from './time.ts';

export type KeyAlgorithm = 'ec-p256' | 'ec-p384' | 'ed25519' | 'rsa';

/** A public key as found in a request. */
export interface KeyFacts {
  /** Null: a type or curve this broker does not know. */
  readonly algorithm: KeyAlgorithm | null;
  /** Modulus length of an RSA key in bits; 0 otherwise. */
  readonly bits: number;
  /** Of the one form the key is known by, whatever form it was sent in. */
  readonly fingerprint: Fingerprint;
  readonly spki: Uint8Array;
  /** What is wrong with a key whose algorithm is null. */
  readonly fault?: string;
}

/** A subject alternative name as text: an address in dotted form; of a type that cannot be compared, the type. */
export interface AlternativeName {
  readonly type: 'uri' | 'dns' | 'email' | 'address' | 'other';
  readonly value: string;
}

/** What was read out of a PKCS#10 request. */
export interface RequestFacts {
  readonly commonNames: readonly string[];
  readonly alternativeNames: readonly AlternativeName[];
  /** Does it ask to be a CA? */
  readonly asksForCa: boolean;
  readonly signatureValid: boolean;
  /** What is wrong with a signature that was verified, and is not valid. */
  readonly signatureFault?: string;
  /** The algorithm of a signature that is not verified, whoever made it; null: it was. */
  readonly refusedAlgorithm: string | null;
  /** DER of the request itself; null: there is none, the key was certified before or made here. */
  readonly csr: Uint8Array | null;
  /** What else it says or asks for, in words for the renewal's record: none of it reaches the certificate. */
  readonly ignored: readonly string[];
  readonly key: KeyFacts;
}

/**
 * The facts of a request that nolapse makes itself: possession of the key is settled, and nothing is asked for.
 * @param csr DER, where an authority needs one and the key was made here.
 */
export function ownRequest(principalId: PrincipalId, key: KeyFacts, csr: Uint8Array | null = null): RequestFacts {
  return {
    commonNames: [principalId],
    alternativeNames: [],
    asksForCa: false,
    signatureValid: true,
    refusedAlgorithm: null,
    csr,
    ignored: [],
    key,
  };
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

/** Everything an authority is asked to certify, settled before it is asked: the local one makes the same certificate of it twice. */
interface CertificateRequest {
  readonly principalId: PrincipalId;
  readonly kind: PrincipalKind;
  readonly uri: string;
  /** Random, and so the request's id as well: wanted, and of a certificate of the local authority's the serial number. */
  readonly serial: Serial;
  /** DER of the holder's PKCS#10 request; null: the key is certified without one. */
  readonly csr: Uint8Array | null;
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

type Objection = { readonly code: EnrollmentCode; readonly detail: string } | null;

function objectToKey({ algorithm, bits, fault }: KeyFacts, profile: Profile): Objection {
  if (algorithm === null) return { code: 'key_refused', detail: fault ?? 'unknown key type or curve' };
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

function objectToSignature({ refusedAlgorithm, signatureValid, signatureFault }: RequestFacts): Objection {
  // Told apart, since a device that is asked for another signature signs with the same algorithm again.
  if (refusedAlgorithm !== null) return { code: 'algorithm_refused', detail: refusedAlgorithm };
  if (signatureValid) return null;
  const why = signatureFault === undefined ? '' : `: ${signatureFault}`;
  return { code: 'bad_signature', detail: `possession is not proven${why}` };
}

/** Does this name the principal, and nobody else? DNS names are compared without regard to case (RFC 4343). */
export function namesPrincipal({ type, value }: AlternativeName, kind: PrincipalKind, id: PrincipalId): boolean {
  switch (type) {
    case 'uri': {
      const named = parsePrincipalUri(value);
      return (named?.kind === kind && named.id === id) || value === id;
    }
    case 'dns':
      return value.toLowerCase() === id.toLowerCase();
    case 'email':
    case 'address':
      return value === id;
    case 'other':
      return false;
  }
}

/** Characters of a name that are quoted in a detail. */
const quotedMax = 40;

// Nothing of a name is copied. One that names something else is refused all the same: the request may be another's, and a device
// that expects a name in its certificate would not find it there.
function objectToNames({ facts, principalId, kind }: ApprovalInput): Objection {
  const code = 'subject_mismatch';
  if (facts.commonNames.some((name) => name !== principalId)) {
    return { code, detail: 'common name is not the principal' };
  }
  const other = facts.alternativeNames.find((name) => !namesPrincipal(name, kind, principalId));
  if (!other) return null;
  const quoted = JSON.stringify(other.value.slice(0, quotedMax));
  return { code, detail: `alternative name ${other.type} ${quoted} is not the principal` };
}

// Every other extension is ignored, critical or not, known or not: what is requested is never copied into a certificate, so nothing
// is granted by it. A request to be a CA shows that this one is not for a device.
function objectToCa({ facts }: ApprovalInput): Objection {
  return facts.asksForCa ? { code: 'extension_refused', detail: 'basicConstraints asks for CA:TRUE' } : null;
}

function objectToHolder({ keyHolder, mode }: ApprovalInput): Objection {
  if (keyHolder === 'another') return { code: 'key_in_use', detail: 'another principal holds this key' };
  return keyHolder === 'itself' && mode !== 'recertify'
    ? { code: 'key_reused', detail: 'make a new key for this request' }
    : null;
}

const objections: readonly ((input: ApprovalInput) => Objection)[] = [
  ({ facts, profile }) => objectToKey(facts.key, profile),
  ({ facts }) => objectToSignature(facts),
  objectToNames,
  objectToCa,
  objectToHolder,
];

/**
 * Holds a request against profile, principal and ledger. Nothing but the key is taken from it: names come from the inventory, usages
 * from the profile, validity from the policy. A name of somebody else and a wish to be a CA are refused, the rest is ignored.
 */
export function approve(input: ApprovalInput): Approval {
  for (const objectTo of objections) {
    const objection = objectTo(input);
    if (objection) return { kind: 'refused', ...objection };
  }
  return { kind: 'approved', request: approvedRequestOf(input) };
}

function approvedRequestOf(input: ApprovalInput): ApprovedRequest {
  const request: CertificateRequest = {
    principalId: input.principalId,
    kind: input.kind,
    uri: principalUri(input.kind, input.principalId),
    serial: input.serial,
    csr: input.facts.csr,
    spki: input.facts.key.spki,
    keyFingerprint: input.facts.key.fingerprint,
    notBefore: input.notBefore,
    notAfter: input.notAfter,
    profile: input.profile.name,
  };
  return request as ApprovedRequest;
}
