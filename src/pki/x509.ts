// Reads X.509 certificates (RFC 5280, 4.1), ours and other CAs': what they say, as it was signed. It does not judge: that
// is chain.ts and the domain's admission.
import type { Fingerprint, Serial } from '../domain/certificate.ts';
import type { KeyFacts } from '../domain/request.ts';
import type { Instant } from '../domain/time.ts';
import { contextTag, tags } from './der.ts';
import {
  DerError,
  DerReader,
  dotted,
  hasBit,
  instantOf,
  magnitude,
  openDer,
  smallNumber,
  truth,
} from './der-reader.ts';
import { fingerprintOf } from './fingerprint.ts';
import { oids } from './oids.ts';
import { type Extensions, readAlternativeNames, readExtensions, readName } from './parts.ts';
import { readKey } from './public-key.ts';
import { serialOf } from './serial.ts';
import { readSigned, type Signed } from './signature.ts';

export { fingerprintOf };

/** Bytes of a certificate beyond which it is not read. */
const certificateBytesMax = 65_536;

export interface CertificateFacts {
  readonly signed: Signed;
  readonly serial: Serial;
  /** DER of the issuer's and the subject's Name. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** The subject's only common name; null when there is none, or more. */
  readonly commonName: string | null;
  readonly uris: readonly string[];
  readonly key: KeyFacts;
  readonly extensions: Extensions;
  /** From basicConstraints: may it issue, and how many CAs may follow (null: any number)? */
  readonly ca: { readonly is: boolean; readonly pathLength: number | null };
  /** Null: no keyUsage, so every use is allowed. */
  readonly keyCertSign: boolean | null;
  /** OIDs; null: no extendedKeyUsage, so every purpose is allowed. */
  readonly purposes: readonly string[] | null;
  readonly subjectKeyId: Uint8Array | null;
}

/** What is kept about a certificate when it is issued or imported. Times in Unix milliseconds. */
export interface Inspection {
  readonly fingerprint: Fingerprint;
  readonly serial: Serial;
  readonly keyFingerprint: Fingerprint;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly commonName: string | null;
  readonly uris: readonly string[];
}

function readConstraints(extensions: Extensions): CertificateFacts['ca'] {
  const constraints = extensions.get(oids.basicConstraints);
  if (!constraints) return { is: false, pathLength: null };
  const reader = openDer(constraints.value, tags.sequence, certificateBytesMax);
  const is = reader.sees(tags.boolean) && truth(reader.any());
  const pathLength = reader.sees(tags.integer) ? smallNumber(reader.any()) : null;
  reader.end();
  return { is, pathLength };
}

function readKeyCertSign(extensions: Extensions): boolean | null {
  const usage = extensions.get(oids.keyUsage);
  if (!usage) return null;
  const reader = new DerReader(usage.value);
  const bits = reader.next(tags.bitString).content;
  reader.end();
  return hasBit(bits, 5);
}

function readPurposes(extensions: Extensions): string[] | null {
  const usage = extensions.get(oids.extendedKeyUsage);
  if (!usage) return null;
  const reader = openDer(usage.value, tags.sequence, certificateBytesMax);
  const purposes: string[] = [];
  while (!reader.atEnd) purposes.push(dotted(reader.next(tags.oid).content));
  return purposes;
}

function readSubjectKeyId(extensions: Extensions): Uint8Array | null {
  const found = extensions.get(oids.subjectKeyIdentifier);
  if (!found) return null;
  const reader = new DerReader(found.value);
  const keyId = reader.next(tags.octetString).content;
  reader.end();
  return keyId;
}

function readTrailer(reader: DerReader): Extensions {
  // The unique identifiers of version 2, which nobody uses.
  reader.optional(contextTag(1, false));
  reader.optional(contextTag(2, false));
  if (reader.atEnd) return new Map();
  const explicit = reader.enter(contextTag(3, true));
  reader.end();
  const extensions = readExtensions(explicit.enter(tags.sequence));
  explicit.end();
  return extensions;
}

/** Reads one certificate; the facts are views of `der`. Anything that is not one, strictly encoded, is a DerError. */
export function readCertificate(der: Uint8Array): CertificateFacts {
  const signed = readSigned(der, certificateBytesMax);
  const body = new DerReader(signed.body.content, 1);
  body.optional(contextTag(0, true));
  const serial = serialOf(magnitude(body.next(tags.integer)));
  // RFC 5280, 4.1.1.2: what is signed names the same algorithm as what it is signed under.
  if (Buffer.compare(body.next(tags.sequence).raw, signed.algorithm) !== 0) throw new DerError('two algorithms');
  const issuer = body.next(tags.sequence).raw;
  const validity = body.enter(tags.sequence);
  const notBefore = instantOf(validity.any());
  const notAfter = instantOf(validity.any());
  validity.end();
  const subject = body.next(tags.sequence).raw;
  const key = readKey(body.next(tags.sequence).raw);
  const extensions = readTrailer(body);
  const { commonNames } = readName(openDer(subject, tags.sequence, certificateBytesMax));
  const names = extensions.get(oids.subjectAltName);
  return {
    signed,
    serial,
    issuer,
    subject,
    notBefore,
    notAfter,
    commonName: commonNames.length === 1 ? (commonNames[0] ?? null) : null,
    uris: names ? readAlternativeNames(names.value).uris : [],
    key,
    extensions,
    ca: readConstraints(extensions),
    keyCertSign: readKeyCertSign(extensions),
    purposes: readPurposes(extensions),
    subjectKeyId: readSubjectKeyId(extensions),
  };
}

/** What the ledger keeps of a certificate; a DerError when it is none. */
export function inspectCertificate(der: Uint8Array): Inspection {
  const { serial, key, notBefore, notAfter, commonName, uris } = readCertificate(der);
  return {
    fingerprint: fingerprintOf(der),
    serial,
    keyFingerprint: key.fingerprint,
    notBefore,
    notAfter,
    commonName,
    uris,
  };
}
