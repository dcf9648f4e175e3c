// What the PKI's tests are made of: requests put together part by part, so that each can be wrong in one place, and an
// authority in a directory of its own.
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { PrincipalId } from '../../src/domain/principal.ts';
import { type ApprovedRequest, approve } from '../../src/domain/request.ts';
import { nameOf } from '../../src/pki/certificate.ts';
import { bitString, contextTag, encode, octetString, oid, sequence, set, smallInteger } from '../../src/pki/der.ts';
import { uriName } from '../../src/pki/extensions.ts';
import { oids } from '../../src/pki/oids.ts';
import { readKey } from '../../src/pki/public-key.ts';
import { newSerial } from '../../src/pki/serial.ts';
import type { Authority } from '../../src/ports/authority.ts';

export const day = 86_400_000;
export const now = Date.UTC(2027, 0, 15, 12);
export const entropy = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
export const locations = { crlUrl: 'http://127.0.0.1:8880/crl', caIssuersUrl: 'http://127.0.0.1:8880/issuing.crt' };
export const serverOptions = { ...locations, now, entropy, names: ['localhost', '127.0.0.1', '::1'] };

/** A directory that is gone after the test. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'nolapse-pki-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export function ecKey(namedCurve = 'P-256'): KeyObject {
  return generateKeyPairSync('ec', { namedCurve }).privateKey;
}

export function rsaKey(modulusLength: number): KeyObject {
  return generateKeyPairSync('rsa', { modulusLength }).privateKey;
}

export { spkiOf } from '../../src/authority/key-pair.ts';

/** One Attribute that requests these extensions. */
export function extensionRequest(...extensions: Uint8Array[]): Uint8Array {
  return sequence(oid(oids.extensionRequest), set(sequence(...extensions)));
}

/** An Extension with any value. */
export function anyExtension(id: string, value: Uint8Array): Uint8Array {
  return sequence(oid(id), octetString(value));
}

export interface RequestParts {
  readonly version?: number;
  readonly subject?: Uint8Array;
  readonly spki: Uint8Array;
  readonly attributes?: readonly Uint8Array[];
  readonly algorithm?: Uint8Array;
  /** Makes the signature over the body. */
  readonly signature: (body: Uint8Array) => Uint8Array;
}

/** A PKCS#10 request of exactly these parts. */
export function assembleRequest(parts: RequestParts): Uint8Array {
  const body = sequence(
    smallInteger(parts.version ?? 0),
    parts.subject ?? nameOf('dev-1'),
    parts.spki,
    encode(contextTag(0, true), ...(parts.attributes ?? [extensionRequest(uriName('urn:nolapse:device:dev-1'))])),
  );
  const algorithm = parts.algorithm ?? sequence(oid(oids.ecdsaWithSha256));
  return sequence(body, algorithm, bitString(parts.signature(body)));
}

export const signedBy =
  (key: KeyObject, digest: string | null = 'sha256') =>
  (body: Uint8Array): Uint8Array =>
    sign(digest, body, key);

/** EMSA-PKCS1-v1_5 of a message: what a signature under e = 1 looks like, made without any key. */
export function paddedDigest(message: Uint8Array, octets: number): Uint8Array {
  const digestInfo = Buffer.concat([
    Buffer.from('3031300d060960864801650304020105000420', 'hex'),
    createHash('sha256').update(message).digest(),
  ]);
  const padding = Buffer.alloc(octets - digestInfo.length - 3, 0xff);
  return Buffer.concat([Buffer.of(0, 1), padding, Buffer.of(0), digestInfo]);
}

/** A request that has been approved for `id`, over this SubjectPublicKeyInfo. */
export function approvedFor(
  authority: Authority,
  id: string,
  spki: Uint8Array,
  validity = { notBefore: now - day, notAfter: now + 30 * day },
): ApprovedRequest {
  const approval = approve({
    facts: {
      commonNames: [id],
      otherSubjectAttributes: 0,
      uris: [],
      otherNames: 0,
      extensions: [],
      signatureValid: true,
      key: readKey(spki),
    },
    principalId: id as PrincipalId,
    kind: 'device',
    profile: authority.profile('device'),
    serial: newSerial(entropy),
    ...validity,
    keyHolder: 'nobody',
  });
  if (approval.kind === 'refused') throw new Error(approval.detail);
  return approval.request;
}
