// Certificates as other CAs have written them, part by part: each can differ from RFC 5280 in one place.
import type { KeyObject } from 'node:crypto';
import { sign } from 'node:crypto';
import { nameOf, signCa } from '../../src/pki/certificate.ts';
import { bitString, contextTag, encode, oid, sequence, smallInteger, tags, time } from '../../src/pki/der.ts';
import { oids } from '../../src/pki/oids.ts';
import { derToPem } from '../../src/pki/pem.ts';
import { keyIdentifier } from '../../src/pki/public-key.ts';
import { newSerial } from '../../src/pki/serial.ts';
import { signerFor } from '../../src/pki/signature.ts';
import { ecKey, entropy, type OtherCertificate, spkiOf } from './made.ts';

export interface OddParts {
  /** DER of the version's element; null: version 1, which leaves it out. */
  readonly version?: Uint8Array | null;
  /** DER of the INTEGER. */
  readonly serial?: Uint8Array;
  readonly issuer?: Uint8Array;
  readonly subject?: Uint8Array;
  /** DER of the two Times. */
  readonly validity?: readonly [Uint8Array, Uint8Array];
  readonly key?: KeyObject;
  readonly spki?: Uint8Array;
  readonly extensions?: readonly Uint8Array[];
  readonly digest?: 'sha1' | 'sha256';
}

const hour = 3_600_000;
const caKey = ecKey();
const commonName = 'Old Vendor CA';
const oldVendor = nameOf(commonName);
const ecdsa = { sha1: sequence(oid('1.2.840.10045.4.1')), sha256: sequence(oid(oids.ecdsaWithSha256)) } as const;

/** DER of the CA that signs them: nothing is odd about it. */
export function oddCa(): Uint8Array {
  const spki = spkiOf(caKey);
  const self = { name: oldVendor, keyId: keyIdentifier(spki), signer: signerFor(caKey) };
  const usages = { keyUsage: ['keyCertSign', 'cRLSign'], extendedKeyUsage: [] } as const;
  const validity = { notBefore: Date.now() - 24 * hour, notAfter: Date.now() + 1_000 * hour };
  return signCa({ serial: newSerial(entropy), commonName, ...validity, spki, usages, pathLength: 0 }, self);
}

export const integerOf = (...octets: number[]) => encode(tags.integer, Uint8Array.from(octets));
export const utcTime = (text: string) => encode(tags.utcTime, Buffer.from(text));
export const longTime = (text: string) => encode(tags.generalizedTime, Buffer.from(text));

let made = 0;

/** A certificate of an old CA; `id` is its common name where `parts` say nothing else. */
export function oddCertificate(id: string, parts: OddParts = {}): OtherCertificate {
  const key = parts.key ?? ecKey();
  made += 1;
  const digest = parts.digest ?? 'sha256';
  const version = parts.version === undefined ? encode(contextTag(0, true), smallInteger(2)) : parts.version;
  const validity = parts.validity ?? [time(Date.now() - hour), time(Date.now() + 100 * hour)];
  const body = sequence(
    ...(version ? [version] : []),
    parts.serial ?? smallInteger(1_000 + made),
    ecdsa[digest],
    parts.issuer ?? oldVendor,
    sequence(...validity),
    parts.subject ?? nameOf(id),
    parts.spki ?? spkiOf(key),
    ...(parts.extensions ? [encode(contextTag(3, true), sequence(...parts.extensions))] : []),
  );
  const der = sequence(body, ecdsa[digest], bitString(sign(digest, body, caKey)));
  const keyPem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { der, certificatePem: derToPem(der, 'CERTIFICATE'), keyPem };
}

/** The same element with its length in one octet more than it needs. */
export function longLength(der: Uint8Array): Uint8Array {
  const octets = (der[1] ?? 0) & 0x7f;
  return Buffer.concat([Uint8Array.of(der[0] ?? 0, 0x80 | (octets + 1), 0), der.subarray(2)]);
}

/** OpenSSL reads a UTCTime without seconds, which X.690 permits and RFC 5280 does not, up to 3.4. */
export const readsShortTimes = isBefore(process.versions.openssl, 3, 5);

function isBefore(version: string, major: number, minor: number): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split('.').map(Number);
  return ownMajor < major || (ownMajor === major && ownMinor < minor);
}
