// The shape that certificates, requests and CRLs share: a body, an algorithm, a signature. It signs and verifies with
// node:crypto, synchronously, and judges nothing about what the body says.
import { createSign, type KeyObject, sign, verify } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { NolapseError } from '../domain/errors.ts';
import { bitString, derNull, header, oid, sequence, tags } from './der.ts';
import { type DerElement, openDer, type Rigour, wholeOctets, within } from './der-reader.ts';
import { oids } from './oids.ts';

/** A private key with the algorithm it signs under. */
export interface Signer {
  readonly key: KeyObject;
  readonly digest: 'sha256' | 'sha384';
  /** DER of the AlgorithmIdentifier. */
  readonly algorithm: Uint8Array;
}

/** A signed object taken apart, all of it views of the input. */
export interface Signed {
  readonly body: DerElement;
  /** DER of the AlgorithmIdentifier. */
  readonly algorithm: Uint8Array;
  readonly signature: Uint8Array;
}

interface Algorithm {
  readonly keyType: 'ec' | 'rsa' | 'ed25519';
  /** Null where the algorithm has its digest built in. */
  readonly digest: 'sha256' | 'sha384' | 'sha512' | null;
}

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

// Keyed by the whole AlgorithmIdentifier, so that parameters are checked with it. SHA-1, MD5 and RSASSA-PSS (whose
// parameters default to SHA-1) are absent on purpose. RSA parameters may be NULL or absent (RFC 4055, 2.1). ECDSA's must be
// absent (RFC 5758, 3.2), which binds the writer: mbedTLS before 3.5 writes a NULL, so it is read here and never written.
const algorithms: ReadonlyMap<string, Algorithm> = new Map(
  (
    [
      [sequence(oid(oids.ecdsaWithSha256)), { keyType: 'ec', digest: 'sha256' }],
      [sequence(oid(oids.ecdsaWithSha256), derNull), { keyType: 'ec', digest: 'sha256' }],
      [sequence(oid(oids.ecdsaWithSha384)), { keyType: 'ec', digest: 'sha384' }],
      [sequence(oid(oids.ecdsaWithSha384), derNull), { keyType: 'ec', digest: 'sha384' }],
      [sequence(oid(oids.ecdsaWithSha512)), { keyType: 'ec', digest: 'sha512' }],
      [sequence(oid(oids.ecdsaWithSha512), derNull), { keyType: 'ec', digest: 'sha512' }],
      [sequence(oid(oids.sha256WithRsa), derNull), { keyType: 'rsa', digest: 'sha256' }],
      [sequence(oid(oids.sha384WithRsa), derNull), { keyType: 'rsa', digest: 'sha384' }],
      [sequence(oid(oids.sha512WithRsa), derNull), { keyType: 'rsa', digest: 'sha512' }],
      [sequence(oid(oids.sha256WithRsa)), { keyType: 'rsa', digest: 'sha256' }],
      [sequence(oid(oids.sha384WithRsa)), { keyType: 'rsa', digest: 'sha384' }],
      [sequence(oid(oids.sha512WithRsa)), { keyType: 'rsa', digest: 'sha512' }],
      [sequence(oid(oids.ed25519)), { keyType: 'ed25519', digest: null }],
    ] as const
  ).map(([der, algorithm]) => [latin1(der), algorithm]),
);

const signers = {
  prime256v1: { digest: 'sha256', algorithm: sequence(oid(oids.ecdsaWithSha256)) },
  secp384r1: { digest: 'sha384', algorithm: sequence(oid(oids.ecdsaWithSha384)) },
  rsa: { digest: 'sha256', algorithm: sequence(oid(oids.sha256WithRsa), derNull) },
} as const;

/** The algorithm a CA key signs under. Fails with NolapseError `unsupported_key` for all but P-256, P-384 and RSA. */
export function signerFor(key: KeyObject): Signer {
  return { key, ...signingOf(key) };
}

/** The same for whoever has the public key alone, or either of the two. */
export function signingOf(key: KeyObject): Omit<Signer, 'key'> {
  const name = key.asymmetricKeyType === 'rsa' ? 'rsa' : (key.asymmetricKeyDetails?.namedCurve ?? '');
  if (name !== 'prime256v1' && name !== 'secp384r1' && name !== 'rsa') {
    throw new NolapseError('unsupported_key', `cannot sign with a key of type ${name || key.asymmetricKeyType}`);
  }
  return signers[name];
}

/** Signs `body` and puts the three parts together. */
export function seal(body: Uint8Array, signer: Signer): Uint8Array {
  return sequence(body, signer.algorithm, bitString(sign(signer.digest, body, signer.key)));
}

/** Bytes hashed in one turn of the event loop: about a millisecond. */
const hashedBytes = 524_288;

/**
 * Signs a body of any length given in pieces, as {@link seal} does: the event loop turns while it is hashed, and nothing is copied.
 * @returns the pieces of the signed object, in order.
 */
export async function sealInTurns(body: readonly Uint8Array[], signer: Signer): Promise<Uint8Array[]> {
  const hash = createSign(signer.digest);
  let bodyBytes = 0;
  let waiting = 0;
  for (const piece of body) {
    hash.update(piece);
    bodyBytes += piece.length;
    waiting += piece.length;
    if (waiting < hashedBytes) continue;
    waiting = 0;
    await turn();
  }
  const signature = bitString(hash.sign(signer.key));
  const signedBytes = bodyBytes + signer.algorithm.length + signature.length;
  return [header(tags.sequence, signedBytes), ...body, signer.algorithm, signature];
}

/** Takes a signed object apart; trailing bytes, here or inside, are a DerError. */
export function readSigned(der: Uint8Array, bytesMax: number, rigour: Rigour = 'strict'): Signed {
  const outer = openDer(der, tags.sequence, bytesMax, rigour);
  const body = outer.next(tags.sequence);
  const algorithm = within('signature algorithm', () => outer.next(tags.sequence).raw);
  const signature = within('signature', () => wholeOctets(outer.next(tags.bitString)));
  outer.end();
  return { body, algorithm, signature };
}

/** Does the signature verify under this key, with an algorithm of ours that fits the key? Never throws. */
export function signatureVerifies(signed: Signed, key: KeyObject): boolean {
  const algorithm = algorithms.get(latin1(signed.algorithm));
  if (!algorithm || algorithm.keyType !== key.asymmetricKeyType) return false;
  try {
    return verify(algorithm.digest, signed.body.raw, key, signed.signature);
  } catch {
    return false;
  }
}
