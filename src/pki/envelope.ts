// A secret that only the holder of a certificate's key can read: CMS EnvelopedData (RFC 5652, 6) with one KeyAgreeRecipientInfo
// (RFC 5753, 3.1), ephemeral ECDH. What is secret here is overwritten once it has served; nothing of it is logged or returned.
import { createCipheriv, createECDH, createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { KeyFacts } from '../domain/request.ts';
import { bitString, contextTag, encode, octetString, oid, sequence, set, smallInteger, tags } from './der.ts';
import { DerError, openDer, wholeOctets } from './der-reader.ts';
import { oids } from './oids.ts';
import { makeCsr } from './own-request.ts';
import { readAdopted } from './x509.ts';

/** The curves keys are agreed on, as OpenSSL calls them. */
const curves: Partial<Record<NonNullable<KeyFacts['algorithm']>, string>> = {
  'ec-p256': 'prime256v1',
  'ec-p384': 'secp384r1',
};

const keyBytes = 32;
const ivBytes = 16;
/** RFC 3394, 2.2.3.1. */
const wrapIv = Buffer.from('a6a6a6a6a6a6a6a6', 'hex');

/** RFC 5753, 7.1.4: the wrap algorithms have no parameters. */
const wrapAlgorithm = sequence(oid(oids.aes256Wrap));
const agreement = sequence(oid(oids.ecdhSha256Kdf), wrapAlgorithm);

/** ECC-CMS-SharedInfo (RFC 5753, 7.2): the algorithm the key is for, and its length in bits. */
const sharedInfo = sequence(
  wrapAlgorithm,
  encode(contextTag(2, true), octetString(Uint8Array.of(0, 0, (keyBytes * 8) >> 8, (keyBytes * 8) & 0xff))),
);

/** Can a secret be encrypted to this key? */
export function canAgree({ algorithm }: KeyFacts): boolean {
  return algorithm !== null && curves[algorithm] !== undefined;
}

function pointOf(spki: Uint8Array): Uint8Array {
  const outer = openDer(spki, tags.sequence, spki.length);
  outer.next(tags.sequence);
  return wholeOctets(outer.next(tags.bitString));
}

/** The key-encryption key of a shared secret: one block of the KDF of ANSI X9.63 (SEC 1, 3.6.1) with SHA-256. */
function derive(secret: Uint8Array): Buffer {
  return createHash('sha256')
    .update(secret)
    .update(Uint8Array.of(0, 0, 0, 1))
    .update(sharedInfo)
    .digest();
}

function cipher(algorithm: string, key: Uint8Array, iv: Uint8Array, content: Uint8Array): Uint8Array {
  const made = createCipheriv(algorithm, key, iv);
  return Buffer.concat([made.update(content), made.final()]);
}

/** The content-encryption key, for the holder of the recipient's key alone. */
function recipientInfo(recipient: Uint8Array, contentKey: Uint8Array): Uint8Array {
  const { issuer, serialDer, key } = readAdopted(recipient);
  const curve = key.algorithm === null ? undefined : curves[key.algorithm];
  if (curve === undefined) throw new DerError('no key can be agreed on with the key of this certificate');
  const ephemeral = createECDH(curve);
  const point = ephemeral.generateKeys();
  const secret = ephemeral.computeSecret(pointOf(key.spki));
  const wrappingKey = derive(secret);
  const wrapped = cipher('id-aes256-wrap', wrappingKey, wrapIv, contentKey);
  secret.fill(0);
  wrappingKey.fill(0);
  const originatorKey = encode(contextTag(1, true), sequence(oid(oids.ecPublicKey)), bitString(point));
  return encode(
    contextTag(1, true),
    smallInteger(3),
    encode(contextTag(0, true), originatorKey),
    agreement,
    sequence(sequence(sequence(issuer, serialDer), octetString(wrapped))),
  );
}

/**
 * DER of a ContentInfo with EnvelopedData that holds `content`, for the key of the certificate `recipient` (DER), which it names
 * by issuer and serial. AES-256-CBC; `openssl cms -decrypt` opens it. A DerError when {@link canAgree} is false of that key.
 */
export function envelop(content: Uint8Array, recipient: Uint8Array): Uint8Array {
  const contentKey = randomBytes(keyBytes);
  const iv = randomBytes(ivBytes);
  const recipients = set(recipientInfo(recipient, contentKey));
  const encrypted = cipher('aes-256-cbc', contentKey, iv, content);
  contentKey.fill(0);
  const enveloped = sequence(
    // RFC 5652, 6.1: 2, since a recipient is named otherwise than by an issuer and serial of key transport.
    smallInteger(2),
    recipients,
    sequence(
      oid(oids.cmsData),
      sequence(oid(oids.aes256Cbc), octetString(iv)),
      encode(contextTag(0, false), encrypted),
    ),
  );
  return sequence(oid(oids.cmsEnvelopedData), encode(contextTag(0, true), enveloped));
}

interface EnvelopedKey {
  /** DER of the SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly envelope: Uint8Array;
  /** DER of a PKCS#10 request by the key; null: none was asked for. */
  readonly csr: Uint8Array | null;
}

/**
 * A new P-256 key for the holder of `recipient` (a certificate's DER): its SubjectPublicKeyInfo, and the key itself as PKCS#8
 * within {@link envelop}. The private key does not leave this function in any other form.
 * @param requestFor the common name of a request to make with the key; null: none is needed.
 */
export function newEnvelopedKey(recipient: Uint8Array, requestFor: string | null = null): EnvelopedKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  try {
    return {
      spki: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
      envelope: envelop(pkcs8, recipient),
      csr: requestFor === null ? null : makeCsr(requestFor, privateKey),
    };
  } finally {
    pkcs8.fill(0);
  }
}
