// SubjectPublicKeyInfo: which key is this, how strong, and is it in its one canonical form? What is not canonical has no
// algorithm here, so that one key cannot appear under two fingerprints.
import { createPublicKey, hash, type KeyObject } from 'node:crypto';
import type { KeyAlgorithm, KeyFacts } from '../domain/request.ts';
import { tags } from './der.ts';
import { type DerReader, dotted, magnitude, openDer, wholeOctets } from './der-reader.ts';
import { fingerprintOf } from './fingerprint.ts';
import { oids } from './oids.ts';

/** Largest RSA modulus with which a signature is verified: the cost grows with its square. */
export const rsaBitsVerifiedMax = 8_192;

const spkiBytesMax = 16_384;
const exponentOctetsMax = 8;
const pointOctets = { [oids.p256]: 65, [oids.p384]: 97 } as const;

function bitLength(digits: Uint8Array): number {
  return digits.length * 8 - Math.clz32(digits[0] ?? 0) + 24;
}

function ecAlgorithm(parameters: DerReader, key: Uint8Array): KeyAlgorithm | null {
  // Explicit curve parameters (RFC 5480, 2.1.1: MUST NOT) could describe any curve, also a broken one.
  if (!parameters.sees(tags.oid)) return null;
  const curve = dotted(parameters.any().content);
  if (!parameters.atEnd || (curve !== oids.p256 && curve !== oids.p384)) return null;
  // Uncompressed points only: the compressed form would be a second fingerprint for the same key.
  if (key[0] !== 0x04 || key.length !== pointOctets[curve]) return null;
  return curve === oids.p256 ? 'ec-p256' : 'ec-p384';
}

function rsaFacts(parameters: DerReader, key: Uint8Array): Pick<KeyFacts, 'algorithm' | 'bits'> {
  const parametersAreNull = parameters.sees(tags.null) && parameters.any().content.length === 0 && parameters.atEnd;
  const pair = openDer(key, tags.sequence, spkiBytesMax);
  const modulus = magnitude(pair.next(tags.integer));
  const exponent = magnitude(pair.next(tags.integer));
  pair.end();
  const isOdd = (digits: Uint8Array): boolean => ((digits.at(-1) ?? 0) & 1) === 1;
  // FIPS 186-5, A.1.1: e is odd and above 2^16. With e = 1 a signature proves nothing; a huge e only costs time.
  const exponentIsSound = isOdd(exponent) && exponent.length >= 3 && exponent.length <= exponentOctetsMax;
  const sound = parametersAreNull && exponentIsSound && isOdd(modulus);
  return { algorithm: sound ? 'rsa' : null, bits: bitLength(modulus) };
}

function algorithmOf(spki: Uint8Array): Pick<KeyFacts, 'algorithm' | 'bits'> {
  const outer = openDer(spki, tags.sequence, spkiBytesMax);
  const parameters = outer.enter(tags.sequence);
  const key = wholeOctets(outer.next(tags.bitString));
  outer.end();
  switch (dotted(parameters.next(tags.oid).content)) {
    case oids.ecPublicKey:
      return { algorithm: ecAlgorithm(parameters, key), bits: 0 };
    case oids.rsaEncryption:
      return rsaFacts(parameters, key);
    case oids.ed25519:
      return { algorithm: parameters.atEnd && key.length === 32 ? 'ed25519' : null, bits: 0 };
    default:
      return { algorithm: null, bits: 0 };
  }
}

/** Reads a SubjectPublicKeyInfo's DER. A structure that is none is a DerError; a key that is unknown has algorithm null. */
export function readKey(spki: Uint8Array): KeyFacts {
  return { ...algorithmOf(spki), fingerprint: fingerprintOf(spki), spki };
}

/** Octets of a coordinate. */
const curves = { 'ec-p256': { crv: 'P-256', octets: 32 }, 'ec-p384': { crv: 'P-384', octets: 48 } } as const;

/** Of a canonical EC key, whose DER ends with the point's x and y: OpenSSL 3 reads these sooner than what is around them. */
function importPoint(der: Buffer, { crv, octets }: (typeof curves)[keyof typeof curves]): KeyObject {
  const x = der.toString('base64url', der.length - 2 * octets, der.length - octets);
  const y = der.toString('base64url', der.length - octets);
  return createPublicKey({ format: 'jwk', key: { kty: 'EC', crv, x, y } });
}

/** The key as node:crypto has it; null when OpenSSL does not take it (a point that is not on its curve, for one). */
export function importKey({ algorithm, spki }: KeyFacts): KeyObject | null {
  const der = Buffer.from(spki.buffer, spki.byteOffset, spki.length);
  try {
    return algorithm === 'ec-p256' || algorithm === 'ec-p384'
      ? importPoint(der, curves[algorithm])
      : createPublicKey({ key: der, format: 'der', type: 'spki' });
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
