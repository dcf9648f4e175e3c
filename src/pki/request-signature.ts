// Is a request signed by its own key? It knows every algorithm that is safe today, since a device signs as its TLS stack happens to;
// one that is not taken is told apart from a signature that is wrong.
import { constants, type KeyObject, type VerifyKeyObjectInput, verify } from 'node:crypto';
import { bitString, contextTag, sequence, tags } from './der.ts';
import { type DerReader, dotted, openDer, smallNumber, wholeOctets, within } from './der-reader.ts';
import { oids } from './oids.ts';
import { createKey } from './public-key.ts';
import type { Signed } from './signature.ts';

/** OpenSSL's names of the digests that are taken, by their OID. */
const digests: ReadonlyMap<string, string> = new Map([
  ['2.16.840.1.101.3.4.2.4', 'sha224'],
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
  ['2.16.840.1.101.3.4.2.5', 'sha512-224'],
  ['2.16.840.1.101.3.4.2.6', 'sha512-256'],
  ['2.16.840.1.101.3.4.2.7', 'sha3-224'],
  ['2.16.840.1.101.3.4.2.8', 'sha3-256'],
  ['2.16.840.1.101.3.4.2.9', 'sha3-384'],
  ['2.16.840.1.101.3.4.2.10', 'sha3-512'],
]);

/** `digest`: null where the algorithm has its own. */
type Algorithm = { readonly keyType: 'ec' | 'rsa' | 'ed25519'; readonly digest: string | null };

/** RFC 5758, RFC 8017 and NIST's registry for SHA-3. */
const algorithms: ReadonlyMap<string, Algorithm> = new Map([
  ['1.2.840.10045.4.3.1', { keyType: 'ec', digest: 'sha224' }],
  [oids.ecdsaWithSha256, { keyType: 'ec', digest: 'sha256' }],
  [oids.ecdsaWithSha384, { keyType: 'ec', digest: 'sha384' }],
  [oids.ecdsaWithSha512, { keyType: 'ec', digest: 'sha512' }],
  ['2.16.840.1.101.3.4.3.9', { keyType: 'ec', digest: 'sha3-224' }],
  ['2.16.840.1.101.3.4.3.10', { keyType: 'ec', digest: 'sha3-256' }],
  ['2.16.840.1.101.3.4.3.11', { keyType: 'ec', digest: 'sha3-384' }],
  ['2.16.840.1.101.3.4.3.12', { keyType: 'ec', digest: 'sha3-512' }],
  ['1.2.840.113549.1.1.14', { keyType: 'rsa', digest: 'sha224' }],
  [oids.sha256WithRsa, { keyType: 'rsa', digest: 'sha256' }],
  [oids.sha384WithRsa, { keyType: 'rsa', digest: 'sha384' }],
  [oids.sha512WithRsa, { keyType: 'rsa', digest: 'sha512' }],
  ['1.2.840.113549.1.1.15', { keyType: 'rsa', digest: 'sha512-224' }],
  ['1.2.840.113549.1.1.16', { keyType: 'rsa', digest: 'sha512-256' }],
  ['2.16.840.1.101.3.4.3.13', { keyType: 'rsa', digest: 'sha3-224' }],
  ['2.16.840.1.101.3.4.3.14', { keyType: 'rsa', digest: 'sha3-256' }],
  ['2.16.840.1.101.3.4.3.15', { keyType: 'rsa', digest: 'sha3-384' }],
  ['2.16.840.1.101.3.4.3.16', { keyType: 'rsa', digest: 'sha3-512' }],
]);

/** Names of algorithms that are refused, and that devices are known to use. */
const refusedNames: ReadonlyMap<string, string> = new Map([
  ['1.2.840.10045.4.1', 'ecdsa-with-SHA1'],
  ['1.2.840.113549.1.1.2', 'md2WithRSAEncryption'],
  ['1.2.840.113549.1.1.3', 'md4WithRSAEncryption'],
  ['1.2.840.113549.1.1.4', 'md5WithRSAEncryption'],
  ['1.2.840.113549.1.1.5', 'sha1WithRSAEncryption'],
  ['1.3.14.3.2.29', 'sha1WithRSAEncryption'],
]);

const pss = '1.2.840.113549.1.1.10';
const mgf1 = '1.2.840.113549.1.1.8';
const sha1 = '1.3.14.3.2.26';
/** RFC 4055, 3.1: what is left out of the parameters means this. */
const saltOctetsDefault = 20;

/** `refused`: an algorithm that is not taken, whoever signed; `invalid`: what is wrong with the signature. */
export type SignatureVerdict = 'valid' | { readonly invalid: string } | { readonly refused: string };

const notByItsKey: SignatureVerdict = { invalid: 'the signature is not by the key in the request' };

const ofAnotherKey = (algorithm: string, key: KeyObject): SignatureVerdict => ({
  invalid: `signed by ${algorithm}, and the key in the request is of type ${key.asymmetricKeyType}`,
});

/** RFC 5754, 2: NULL parameters of a digest may be left out. */
function readDigest(reader: DerReader): string {
  const id = dotted(reader.next(tags.oid).content);
  if (!hasNoParameters(reader)) reader.end();
  return id;
}

/** Nothing follows, or a NULL alone. */
function hasNoParameters(reader: DerReader): boolean {
  return reader.atEnd || (reader.optional(tags.null)?.content.length === 0 && reader.atEnd);
}

/** Digests and mask by their OID. */
interface PssParameters {
  readonly digest: string;
  readonly mask: string;
  readonly maskDigest: string;
  readonly saltOctets: number;
  readonly trailer: number;
}

/** RSASSA-PSS-params (RFC 4055, 3.1). */
function readPss(reader: DerReader): PssParameters {
  const byDefault = { digest: sha1, mask: mgf1, maskDigest: sha1, saltOctets: saltOctetsDefault, trailer: 1 };
  if (reader.atEnd) return byDefault;
  const parameters = reader.enter(tags.sequence);
  reader.end();
  const explicit = <T>(tag: number, read: (inner: DerReader) => T, other: T): T => {
    if (!parameters.sees(contextTag(tag, true))) return other;
    const inner = parameters.enter(contextTag(tag, true));
    const value = read(inner);
    inner.end();
    return value;
  };
  const digest = explicit(0, (inner) => readDigest(inner.enter(tags.sequence)), byDefault.digest);
  const mask = explicit(1, (inner) => readMask(inner.enter(tags.sequence)), byDefault);
  const saltOctets = explicit(2, (inner) => smallNumber(inner.next(tags.integer)), byDefault.saltOctets);
  const trailer = explicit(3, (inner) => smallNumber(inner.next(tags.integer)), byDefault.trailer);
  parameters.end();
  return { digest, mask: mask.mask, maskDigest: mask.maskDigest, saltOctets, trailer };
}

/** What masks other than MGF1 have for parameters is not known. */
function readMask(reader: DerReader): Pick<PssParameters, 'mask' | 'maskDigest'> {
  const mask = dotted(reader.next(tags.oid).content);
  if (mask !== mgf1) return { mask, maskDigest: '' };
  const maskDigest = readDigest(reader.enter(tags.sequence));
  reader.end();
  return { mask, maskDigest };
}

/**
 * The same key bound to these parameters. Where the mask has another digest, OpenSSL takes it from the key: Node has no option for it.
 * Where it has not, the key does without: OpenSSL reads no parameters with SHA-3.
 */
function bindToPss(spki: Uint8Array, algorithm: Uint8Array): KeyObject | null {
  const outer = openDer(spki, tags.sequence, spki.length);
  outer.next(tags.sequence);
  return createKey(sequence(algorithm, bitString(wholeOctets(outer.next(tags.bitString)))));
}

/** `digest`: null where the algorithm has its own. */
function holds({ body, signature }: Signed, digest: string | null, key: VerifyKeyObjectInput): boolean {
  try {
    return verify(digest, body.raw, key, signature);
  } catch {
    return false;
  }
}

function verifyPss(signed: Signed, parameters: DerReader, key: KeyObject, spki: Uint8Array): SignatureVerdict {
  const { digest: id, mask, maskDigest, saltOctets, trailer } = readPss(parameters);
  const digest = digests.get(id);
  if (digest === undefined) return { refused: `RSASSA-PSS with ${id === sha1 ? 'SHA-1' : `digest ${id}`}` };
  if (mask !== mgf1) return { refused: `RSASSA-PSS with the mask ${mask}: MGF1 is taken` };
  if (trailer !== 1) return { refused: `RSASSA-PSS with the trailer ${trailer}: 1 is taken` };
  if (key.asymmetricKeyType !== 'rsa') return ofAnotherKey('RSASSA-PSS', key);
  const bound = maskDigest === id ? key : bindToPss(spki, signed.algorithm);
  if (!bound) return { refused: `RSASSA-PSS with the mask digest ${maskDigest} and a salt of ${saltOctets} octets` };
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return holds(signed, digest, { key: bound, padding, saltLength: saltOctets }) ? 'valid' : notByItsKey;
}

/**
 * Verifies a request's signature under its own key. `invalid` also where the algorithm belongs to another type of key; `refused`
 * names an algorithm that is broken (SHA-1, MD5), not known, or has parameters that are not. @throws DerError when the algorithm
 * cannot be read.
 */
export function verifyRequest(signed: Signed, key: KeyObject, spki: Uint8Array): SignatureVerdict {
  return within('signature algorithm', () => {
    const reader = openDer(signed.algorithm, tags.sequence, signed.algorithm.length);
    const id = dotted(reader.next(tags.oid).content);
    return id === pss ? verifyPss(signed, reader, key, spki) : verifyPlain(signed, id, reader, key);
  });
}

function verifyPlain(signed: Signed, id: string, parameters: DerReader, key: KeyObject): SignatureVerdict {
  const algorithm: Algorithm | undefined =
    id === oids.ed25519 ? { keyType: 'ed25519', digest: null } : algorithms.get(id);
  if (!algorithm) return { refused: refusedNames.get(id) ?? `signature algorithm ${id}` };
  // ECDSA's parameters must be absent (RFC 5758, 3.2), RSA's NULL (RFC 4055, 5): either is read for both.
  const isPlain = id === oids.ed25519 ? parameters.atEnd : hasNoParameters(parameters);
  if (!isPlain) return { refused: `signature algorithm ${id} with parameters` };
  if (algorithm.keyType !== key.asymmetricKeyType) return ofAnotherKey(`algorithm ${id}`, key);
  return holds(signed, algorithm.digest, { key }) ? 'valid' : notByItsKey;
}
