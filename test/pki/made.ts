// What the PKI's tests are made of: requests put together part by part, so that each can be wrong in one place, and an
// authority in a directory of its own.
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { spkiOf } from '../../src/authority/key-pair.ts';
import { loadProfiles } from '../../src/authority/profiles.ts';
import type { PrincipalId } from '../../src/domain/principal.ts';
import { type ApprovedRequest, approve, ownRequest } from '../../src/domain/request.ts';
import { nameOf } from '../../src/pki/certificate.ts';
import {
  bitString,
  contextTag,
  encode,
  octetString,
  oid,
  sequence,
  set,
  smallInteger,
  time,
  utf8String,
} from '../../src/pki/der.ts';
import { authorityKeyIdentifier, caConstraints, subjectKeyIdentifier, uriName } from '../../src/pki/extensions.ts';
import { oids } from '../../src/pki/oids.ts';
import { derToPem } from '../../src/pki/pem.ts';
import { keyIdentifier, readKey } from '../../src/pki/public-key.ts';
import { newSerial } from '../../src/pki/serial.ts';
import { seal, signerFor } from '../../src/pki/signature.ts';

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

export { spkiOf };

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

const profiles = loadProfiles();

/** A request that has been approved for `id`, over this SubjectPublicKeyInfo. */
export function approvedFor(
  id: string,
  spki: Uint8Array,
  validity = { notBefore: now - day, notAfter: now + 30 * day },
  csr: Uint8Array | null = null,
): ApprovedRequest {
  const approval = approve({
    facts: ownRequest(id as PrincipalId, readKey(spki), csr),
    principalId: id as PrincipalId,
    kind: 'device',
    profile: profiles.principals.device,
    serial: newSerial(entropy),
    ...validity,
    keyHolder: 'nobody',
    mode: 'csr',
  });
  if (approval.kind === 'refused') throw new Error(approval.detail);
  return approval.request;
}

export interface OtherCertificate {
  readonly der: Uint8Array;
  readonly certificatePem: string;
  readonly keyPem: string;
}

/**
 * A CA that is not ours, as `openssl req -x509` and `openssl x509 -req -CA ... -CAserial` make one: names of several parts, serial
 * numbers that count from one, certificates of version 1 without any extension.
 */
export class OtherCa {
  readonly der: Uint8Array;
  readonly #name: Uint8Array;
  readonly #key = ecKey();
  #issued = 0;

  constructor(organisation: string, notAfter: number) {
    this.#name = sequence(part(organisationName, organisation), part(oids.commonName, `${organisation} CA`));
    const keyId = keyIdentifier(spkiOf(this.#key));
    const extensions = [caConstraints(0), subjectKeyIdentifier(keyId), authorityKeyIdentifier(keyId)];
    this.der = this.#seal(this.#name, spkiOf(this.#key), Date.UTC(2020, 0), notAfter, extensions);
  }

  /** Signs. `subject`: a DER Name in place of the usual one; `extensions` make it version 3. */
  issue(
    commonName: string,
    { notBefore, notAfter }: { readonly notBefore: number; readonly notAfter: number },
    more: { readonly key?: KeyObject; readonly subject?: Uint8Array; readonly extensions?: readonly Uint8Array[] } = {},
  ): OtherCertificate {
    const key = more.key ?? ecKey();
    const subject = more.subject ?? sequence(part(organisationName, 'Devices'), part(oids.commonName, commonName));
    const der = this.#seal(subject, spkiOf(key), notBefore, notAfter, more.extensions ?? []);
    const keyPem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
    return { der, certificatePem: derToPem(der, 'CERTIFICATE'), keyPem };
  }

  #seal(subject: Uint8Array, spki: Uint8Array, notBefore: number, notAfter: number, extensions: readonly Uint8Array[]) {
    this.#issued += 1;
    const signer = signerFor(this.#key);
    const body = [
      smallInteger(this.#issued),
      signer.algorithm,
      this.#name,
      sequence(time(notBefore), time(notAfter)),
      subject,
      spki,
    ];
    if (extensions.length === 0) return seal(sequence(...body), signer);
    const version3 = encode(contextTag(0, true), smallInteger(2));
    return seal(sequence(version3, ...body, encode(contextTag(3, true), sequence(...extensions))), signer);
  }
}

/** X.520, 6.4.1. */
const organisationName = '2.5.4.10';

/** One part of a Name. */
function part(id: string, text: string): Uint8Array {
  return set(sequence(oid(id), utf8String(text)));
}
