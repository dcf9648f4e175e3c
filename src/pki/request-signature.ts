// Is a request signed by its own key? It knows every algorithm that is safe today, since a device signs as its TLS stack happens to;
// one that is not taken is told apart from a signature that is wrong.
import { constants, type KeyObject, type VerifyKeyObjectInput, verify } from 'node:crypto';
import { bitString, contextTag, sequence, tags } from './der.ts';
import { DerError, type DerReader, dotted, openDer, smallNumber, wholeOctets } from './der-reader.ts';
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

type Algorithm = { readonly keyType: 'ec' | 'rsa'; readonly digest: string };

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

export type SignatureVerdict = 'valid' | 'invalid' | { readonly refused: string };

/** RFC 5754, 2: NULL parameters of a digest may be left out. */
function readDigest(reader: DerReader): string {
  const id = dotted(reader.next(tags.oid).content);
  expectNoParameters(reader);
  return id;
}

function expectNoParameters(reader: DerReader): void {
  if (!reader.atEnd && reader.next(tags.null).content.length > 0) throw new DerError('a NULL that holds something');
  reader.end();
}

/** Digests by their OID. */
interface PssParameters {
  readonly digest: string;
  readonly maskDigest: string;
  readonly saltOctets: number;
}

/** RSASSA-PSS-params (RFC 4055, 3.1). */
function readPss(reader: DerReader): PssParameters {
  if (reader.atEnd) return { digest: sha1, maskDigest: sha1, saltOctets: saltOctetsDefault };
  const parameters = reader.enter(tags.sequence);
  reader.end();
  const explicit = <T>(tag: number, read: (inner: DerReader) => T, other: T): T => {
    if (!parameters.sees(contextTag(tag, true))) return other;
    const inner = parameters.enter(contextTag(tag, true));
    const value = read(inner);
    inner.end();
    return value;
  };
  const digest = explicit(0, (inner) => readDigest(inner.enter(tags.sequence)), sha1);
  const maskDigest = explicit(
    1,
    (inner) => {
      const mask = inner.enter(tags.sequence);
      if (dotted(mask.next(tags.oid).content) !== mgf1) throw new DerError('a mask that is not MGF1');
      const id = readDigest(mask.enter(tags.sequence));
      mask.end();
      return id;
    },
    sha1,
  );
  const saltOctets = explicit(2, (inner) => smallNumber(inner.next(tags.integer)), saltOctetsDefault);
  if (explicit(3, (inner) => smallNumber(inner.next(tags.integer)), 1) !== 1) throw new DerError('another trailer');
  parameters.end();
  return { digest, maskDigest, saltOctets };
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
  const { digest: id, maskDigest, saltOctets } = readPss(parameters);
  const digest = digests.get(id);
  if (digest === undefined) return { refused: `RSASSA-PSS with ${id === sha1 ? 'SHA-1' : `digest ${id}`}` };
  if (key.asymmetricKeyType !== 'rsa') return 'invalid';
  const bound = maskDigest === id ? key : bindToPss(spki, signed.algorithm);
  if (!bound) return 'invalid';
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return holds(signed, digest, { key: bound, padding, saltLength: saltOctets }) ? 'valid' : 'invalid';
}

/**
 * Verifies a request's signature under its own key. `invalid` also where the algorithm belongs to another type of key; `refused`
 * names an algorithm that is broken (SHA-1, MD5) or not known. Never throws for bad input.
 */
export function verifyRequest(signed: Signed, key: KeyObject, spki: Uint8Array): SignatureVerdict {
  try {
    const reader = openDer(signed.algorithm, tags.sequence, signed.algorithm.length);
    const id = dotted(reader.next(tags.oid).content);
    if (id === pss) return verifyPss(signed, reader, key, spki);
    if (id === oids.ed25519) {
      return reader.atEnd && key.asymmetricKeyType === 'ed25519' && holds(signed, null, { key }) ? 'valid' : 'invalid';
    }
    const algorithm = algorithms.get(id);
    if (!algorithm) return { refused: refusedNames.get(id) ?? `signature algorithm ${id}` };
    // ECDSA's parameters must be absent (RFC 5758, 3.2), RSA's NULL (RFC 4055, 5): either is read for both.
    expectNoParameters(reader);
    if (algorithm.keyType !== key.asymmetricKeyType) return 'invalid';
    return holds(signed, algorithm.digest, { key }) ? 'valid' : 'invalid';
  } catch (error) {
    if (error instanceof DerError) return 'invalid';
    throw error;
  }
}
