// Reads X.509 certificates (RFC 5280, 4.1), ours and other CAs': what they say, as it was signed. It does not judge: that
// is chain.ts and the domain's admission. Strictly where a signature is to introduce somebody, loosely where the ledger holds the
// very bytes.
import { X509Certificate } from 'node:crypto';
import type { Fingerprint, Serial } from '../domain/certificate.ts';
import type { KeyFacts } from '../domain/request.ts';
import type { Instant } from '../domain/time.ts';
import { contextTag, tags } from './der.ts';
import {
  type DerElement,
  DerError,
  DerReader,
  dotted,
  hasBit,
  instantOf,
  magnitude,
  openDer,
  type Rigour,
  smallNumber,
  text,
  truth,
  within,
} from './der-reader.ts';
import { fingerprintOf } from './fingerprint.ts';
import { looseInstant, looseSerial, looseText } from './loose.ts';
import { requestName } from './oid-names.ts';
import { oids } from './oids.ts';
import {
  type Extensions,
  type NameAttribute,
  readAlternativeNames,
  readExtensions,
  readName,
  urisIn,
  valuesOf,
} from './parts.ts';
import { readKey, unreadableKey } from './public-key.ts';
import { serialOf } from './serial.ts';
import { readSigned, type Signed } from './signature.ts';

export { fingerprintOf };

/** Bytes of a certificate beyond which it is not read. */
const certificateBytesMax = 65_536;

export interface CertificateFacts {
  readonly signed: Signed;
  readonly serial: Serial;
  /** DER of the serial number. */
  readonly serialDer: Uint8Array;
  /** DER of the issuer's and the subject's Name. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** The subject's attributes. Read strictly, common names alone are decoded. */
  readonly name: readonly NameAttribute[];
  /** The subject's only common name; null when there is none, or more. */
  readonly commonName: string | null;
  readonly uris: readonly string[];
  readonly key: KeyFacts;
  readonly extensions: Extensions;
  /** Names of extensions that say nothing since they cannot be read. Read strictly, there are none. */
  readonly unreadable: readonly string[];
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

function readConstraints(value: Uint8Array, rigour: Rigour): CertificateFacts['ca'] {
  const reader = openDer(value, tags.sequence, certificateBytesMax, rigour);
  const is = reader.sees(tags.boolean) && truth(reader.any(), rigour);
  const pathLength = reader.sees(tags.integer) ? smallNumber(reader.any()) : null;
  reader.end();
  return { is, pathLength };
}

function readKeyCertSign(value: Uint8Array, rigour: Rigour): boolean {
  const reader = new DerReader(value, 0, rigour);
  const bits = reader.next(tags.bitString).content;
  reader.end();
  return hasBit(bits, 5);
}

function readPurposes(value: Uint8Array, rigour: Rigour): string[] {
  const reader = openDer(value, tags.sequence, certificateBytesMax, rigour);
  const purposes: string[] = [];
  while (!reader.atEnd) purposes.push(dotted(reader.next(tags.oid).content));
  return purposes;
}

function readSubjectKeyId(value: Uint8Array, rigour: Rigour): Uint8Array {
  const reader = new DerReader(value, 0, rigour);
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

/** What `reading` makes of the certificate; loosely, what cannot be read says nothing. */
function orElse<T>(rigour: Rigour, reading: () => T, other: () => T): T {
  try {
    return reading();
  } catch (error) {
    if (rigour === 'loose' && error instanceof DerError) return other();
    throw error;
  }
}

function readExtensionFacts(extensions: Extensions, rigour: Rigour) {
  const unreadable: string[] = [];
  const read = <T>(id: string, other: T, reading: (value: Uint8Array, rigour: Rigour) => T): T => {
    const extension = extensions.get(id);
    if (!extension) return other;
    return orElse(
      rigour,
      () => within(`extension ${requestName(id)}`, () => reading(extension.value, rigour)),
      () => {
        unreadable.push(requestName(id));
        return other;
      },
    );
  };
  return {
    extensions,
    unreadable,
    uris: urisIn(read(oids.subjectAltName, [], readAlternativeNames)),
    ca: read(oids.basicConstraints, { is: false, pathLength: null }, readConstraints),
    keyCertSign: read<boolean | null>(oids.keyUsage, null, readKeyCertSign),
    purposes: read<string[] | null>(oids.extendedKeyUsage, null, readPurposes),
    subjectKeyId: read<Uint8Array | null>(oids.subjectKeyIdentifier, null, readSubjectKeyId),
  };
}

/** Common names say whom it names: they are decoded always, and loosely everything else with them. */
function decodeName(rigour: Rigour): (value: DerElement, type: string) => string | null {
  if (rigour === 'loose') return looseText;
  return (value, type) => (type === oids.commonName ? text(value) : null);
}

/** The one value among these; null when there is none, or they differ. Strictly, two are too many though they be the same. */
function only(values: readonly (string | null)[], rigour: Rigour): string | null {
  const distinct = rigour === 'loose' ? [...new Set(values)] : values;
  return distinct.length === 1 ? (distinct[0] ?? null) : null;
}

function read(der: Uint8Array, rigour: Rigour): CertificateFacts {
  const signed = readSigned(der, certificateBytesMax, rigour);
  const body = new DerReader(signed.body.content, 1, rigour);
  const instant = rigour === 'strict' ? instantOf : looseInstant;
  body.optional(contextTag(0, true));
  const number = body.next(tags.integer);
  const serial = rigour === 'strict' ? serialOf(magnitude(number)) : looseSerial(number);
  // RFC 5280, 4.1.1.2: what is signed names the same algorithm as what it is signed under.
  const differs = Buffer.compare(body.next(tags.sequence).raw, signed.algorithm) !== 0;
  if (differs && rigour === 'strict') throw new DerError('two algorithms');
  const issuer = body.next(tags.sequence).raw;
  const validity = body.enter(tags.sequence);
  const notBefore = instant(validity.any());
  const notAfter = instant(validity.any());
  validity.end();
  const subject = body.next(tags.sequence).raw;
  const spki = body.next(tags.sequence).raw;
  const key = orElse(
    rigour,
    () => readKey(spki),
    () => unreadableKey(spki),
  );
  const trailer = orElse<Extensions | null>(
    rigour,
    () => readTrailer(body),
    () => null,
  );
  const name = orElse<NameAttribute[]>(
    rigour,
    () => readName(openDer(subject, tags.sequence, certificateBytesMax, rigour), decodeName(rigour)),
    () => [],
  );
  return {
    signed,
    serial,
    serialDer: number.raw,
    issuer,
    subject,
    notBefore,
    notAfter,
    name,
    commonName: only(valuesOf(name, oids.commonName), rigour),
    key,
    ...readExtensionFacts(trailer ?? new Map(), rigour),
    ...(trailer === null && { unreadable: ['all'] }),
  };
}

/** Reads one certificate; the facts are views of `der`. Anything that is not one, strictly encoded, is a DerError. */
export function readCertificate(der: Uint8Array): CertificateFacts {
  return read(der, 'strict');
}

/**
 * Reads a certificate that the ledger holds, or is to hold on an operator's word: as other CAs have written them. Negative and long
 * serial numbers, times without seconds, strings of old types, BOOLEANs that are not DER and extensions that cannot be read do not
 * matter where the bytes are known by their fingerprint. A DerError when key, validity or subject cannot be found in it.
 */
export function readAdopted(der: Uint8Array): CertificateFacts {
  return read(der, 'loose');
}

/** The bytes under which TLS will show this certificate: OpenSSL writes its outer shell anew. Null when OpenSSL cannot read it. */
export function asPresented(der: Uint8Array): Uint8Array | null {
  try {
    return new Uint8Array(new X509Certificate(der).raw);
  } catch {
    return null;
  }
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
