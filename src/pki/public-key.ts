// SubjectPublicKeyInfo: which key is this, how strong, and what is its one canonical form? The fingerprint is that form's, however the
// key was written, so that one key cannot appear under two fingerprints.
import { createPublicKey, ECDH, hash, type KeyObject } from 'node:crypto';
import type { KeyAlgorithm, KeyFacts } from '../domain/request.ts';
import { bitString, derNull, integer, oid, sequence, tags } from './der.ts';
import { type DerReader, dotted, magnitude, openDer, wholeOctets } from './der-reader.ts';
import { fingerprintOf } from './fingerprint.ts';
import { oids } from './oids.ts';

/** Largest RSA modulus with which a signature is verified: the cost grows with its square. */
export const rsaBitsVerifiedMax = 8_192;

const spkiBytesMax = 16_384;
const exponentOctetsMax = 8;

interface Curve {
  /** OpenSSL's name. */
  readonly name: string;
  /** Octets of a coordinate. */
  readonly octets: number;
  readonly algorithm: KeyAlgorithm | null;
}

/** Curves whose points are brought into one form. Only P-256 and P-384 can be certified. */
const curves: ReadonlyMap<string, Curve> = new Map([
  [oids.p256, { name: 'prime256v1', octets: 32, algorithm: 'ec-p256' }],
  [oids.p384, { name: 'secp384r1', octets: 48, algorithm: 'ec-p384' }],
  ['1.3.132.0.35', { name: 'secp521r1', octets: 66, algorithm: null }],
  ['1.3.132.0.33', { name: 'secp224r1', octets: 28, algorithm: null }],
  ['1.3.132.0.10', { name: 'secp256k1', octets: 32, algorithm: null }],
  ['1.3.36.3.3.2.8.1.1.7', { name: 'brainpoolP256r1', octets: 32, algorithm: null }],
  ['1.3.36.3.3.2.8.1.1.11', { name: 'brainpoolP384r1', octets: 48, algorithm: null }],
]);

/** Types of keys that are named when they are refused. */
const otherTypes: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.1.10', 'RSASSA-PSS key: use rsaEncryption'],
  ['1.2.840.10040.4.1', 'DSA key'],
  ['1.3.101.110', 'X25519 key: it cannot sign'],
  ['1.3.101.111', 'X448 key: it cannot sign'],
  ['1.3.101.113', 'Ed448 key'],
]);

/** What a key is, and its SubjectPublicKeyInfo in the one form it is known by. */
type Reading = Pick<KeyFacts, 'algorithm' | 'bits' | 'spki' | 'fault'>;

const refused = (fault: string, spki: Uint8Array, bits = 0): Reading => ({ algorithm: null, bits, fault, spki });

function bitLength(digits: Uint8Array): number {
  return digits.length * 8 - Math.clz32(digits[0] ?? 0) + 24;
}

function uncompress(point: Uint8Array, { name }: Curve): Uint8Array | null {
  try {
    return ECDH.convertKey(point, name, undefined, undefined, 'uncompressed') as Buffer;
  } catch {
    return null;
  }
}

/** What stands in place of a curve's name (RFC 5480, 2.1.1). Written out, parameters could describe any curve, also a broken one. */
function unnamedCurve(parameters: DerReader): string {
  if (parameters.atEnd) return 'EC key without parameters: name the curve';
  const { tag } = parameters.any();
  if (tag === tags.null) return 'EC key of an implied curve (NULL parameters): name the curve';
  if (tag === tags.sequence) return 'EC curve parameters that are written out: name the curve';
  return `EC key with parameters of tag 0x${tag.toString(16)}: name the curve`;
}

function readEc(parameters: DerReader, key: Uint8Array, spki: Uint8Array): Reading {
  if (!parameters.sees(tags.oid)) return refused(unnamedCurve(parameters), spki);
  const id = parameters.any();
  const curve = curves.get(dotted(id.content));
  if (!curve) return refused(`EC curve ${dotted(id.content)}, which is not known here`, spki);
  if (!parameters.atEnd) return refused(`EC curve ${curve.name} with something after its name`, spki);
  const form = key[0] ?? 0;
  const isWhole = form === 0x04 && key.length === 1 + 2 * curve.octets;
  const isCompressed = (form === 0x02 || form === 0x03) && key.length === 1 + curve.octets;
  const isHybrid = (form === 0x06 || form === 0x07) && key.length === 1 + 2 * curve.octets;
  if (!isWhole && !isCompressed && !isHybrid) return refused(`no point of EC curve ${curve.name}`, spki);
  const point = isWhole ? key : uncompress(key, curve);
  if (!point) return refused(`no point of EC curve ${curve.name}`, spki);
  const canonical = sequence(sequence(oid(oids.ecPublicKey), id.raw), bitString(point));
  // RFC 5480, 2.2: a point is compressed or not; every other first octet MUST be rejected.
  if (isHybrid) return refused('EC point in hybrid form', canonical);
  if (curve.algorithm === null) return refused(`EC curve ${curve.name}`, canonical);
  return { algorithm: curve.algorithm, bits: 0, spki: canonical };
}

/** FIPS 186-5, A.1.1: e is odd and above 2^16. With e = 1 a signature proves nothing; a huge e only costs time. */
function objectToExponent(exponent: Uint8Array): string | null {
  if (exponent.length > exponentOctetsMax) return `RSA exponent of ${bitLength(exponent)} bits: 65537 is usual`;
  const value = BigInt(`0x${Buffer.from(exponent).toString('hex')}`);
  if (!isOdd(exponent)) return `RSA exponent ${value} is even: 65537 is usual`;
  return exponent.length < 3 ? `RSA exponent ${value}: at least 65537 is needed` : null;
}

const isOdd = (digits: Uint8Array): boolean => ((digits.at(-1) ?? 0) & 1) === 1;

function readRsa(parameters: DerReader, key: Uint8Array, spki: Uint8Array): Reading {
  // RFC 3279, 2.3.1 asks for NULL; some writers leave it out.
  const plain = parameters.atEnd || (parameters.optional(tags.null)?.content.length === 0 && parameters.atEnd);
  const pair = openDer(key, tags.sequence, spkiBytesMax);
  const modulus = magnitude(pair.next(tags.integer));
  const exponent = magnitude(pair.next(tags.integer));
  pair.end();
  const bits = bitLength(modulus);
  if (!plain) return refused('RSA key with parameters', spki, bits);
  const fault = objectToExponent(exponent) ?? (isOdd(modulus) ? null : 'RSA modulus that is even');
  const canonical = sequence(
    sequence(oid(oids.rsaEncryption), derNull),
    bitString(sequence(integer(modulus), integer(exponent))),
  );
  return fault === null ? { algorithm: 'rsa', bits, spki: canonical } : refused(fault, canonical, bits);
}

function read(spki: Uint8Array): Reading {
  const outer = openDer(spki, tags.sequence, spkiBytesMax);
  const parameters = outer.enter(tags.sequence);
  const key = wholeOctets(outer.next(tags.bitString));
  outer.end();
  const type = dotted(parameters.next(tags.oid).content);
  switch (type) {
    case oids.ecPublicKey:
      return readEc(parameters, key, spki);
    case oids.rsaEncryption:
      return readRsa(parameters, key, spki);
    case oids.ed25519:
      if (!parameters.atEnd) return refused('Ed25519 key with parameters', spki);
      if (key.length !== 32) return refused(`Ed25519 key of ${key.length} octets: it has 32`, spki);
      return { algorithm: 'ed25519', bits: 0, spki };
    default:
      return refused(otherTypes.get(type) ?? `key of type ${type}`, spki);
  }
}

/**
 * Reads a SubjectPublicKeyInfo's DER. A structure that is none is a DerError; a key that cannot be certified has algorithm null and
 * says why. The facts hold the key in its one form: an EC point is uncompressed there, RSA has NULL parameters.
 */
export function readKey(spki: Uint8Array): KeyFacts {
  const reading = read(spki);
  return { ...reading, fingerprint: fingerprintOf(reading.spki) };
}

/** The facts of a key that cannot be read: its bytes as they are, and no algorithm. */
export function unreadableKey(spki: Uint8Array): KeyFacts {
  return { ...refused('key that cannot be read', spki), fingerprint: fingerprintOf(spki) };
}

/** Octets of a coordinate. */
const jwkCurves = { 'ec-p256': { crv: 'P-256', octets: 32 }, 'ec-p384': { crv: 'P-384', octets: 48 } } as const;

/** Of a canonical EC key, whose DER ends with the point's x and y: OpenSSL 3 reads these sooner than what is around them. */
function importPoint(der: Buffer, { crv, octets }: (typeof jwkCurves)[keyof typeof jwkCurves]): KeyObject {
  const x = der.toString('base64url', der.length - 2 * octets, der.length - octets);
  const y = der.toString('base64url', der.length - octets);
  return createPublicKey({ format: 'jwk', key: { kty: 'EC', crv, x, y } });
}

/** A SubjectPublicKeyInfo's DER as node:crypto has it; null when OpenSSL does not take it. */
export function createKey(spki: Uint8Array): KeyObject | null {
  try {
    const key = Buffer.from(spki.buffer, spki.byteOffset, spki.length);
    return createPublicKey({ key, format: 'der', type: 'spki' });
  } catch {
    return null;
  }
}

/** The key as node:crypto has it; null when OpenSSL does not take it (a point that is not on its curve, for one). */
export function importKey({ algorithm, spki }: KeyFacts): KeyObject | null {
  if (algorithm !== 'ec-p256' && algorithm !== 'ec-p384') return createKey(spki);
  try {
    return importPoint(Buffer.from(spki.buffer, spki.byteOffset, spki.length), jwkCurves[algorithm]);
  } catch {
    return null;
  }
}

/** The key identifier of a SubjectPublicKeyInfo: the first 160 bits of the key bits' SHA-256 (RFC 7093, 2, method 1). */
export function keyIdentifier(spki: Uint8Array): Uint8Array {
  const outer = openDer(spki, tags.sequence, spkiBytesMax);
  outer.next(tags.sequence);
  const key = wholeOctets(outer.next(tags.bitString));
  return new Uint8Array(hash('sha256', key, 'buffer').subarray(0, 20));
}
