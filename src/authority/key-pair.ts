// Private keys in files (PKCS#8, PEM, encrypted if a passphrase is given) and the certificates that go with them. It makes,
// keeps and opens them; who signs what is decided elsewhere.
import { createPrivateKey, createPublicKey, generateKeyPair, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { NolapseError } from '../domain/errors.ts';
import type { Profile } from '../domain/request.ts';
import { DerError } from '../pki/der-reader.ts';
import { derToPem, pemToDer } from '../pki/pem.ts';
import { type CertificateFacts, readCertificate } from '../pki/x509.ts';
import { type PairName, publicMode, readPkiFile, secretMode, writePkiFile } from './files.ts';

export type KeyFile = `${PairName}.key`;
type CertificateFile = `${PairName}.crt`;

/** What a `.crt` file holds: a certificate, and those above it. */
export interface CertificateChain {
  readonly facts: CertificateFacts;
  /** DER: the certificate itself first. */
  readonly ders: readonly [Uint8Array, ...Uint8Array[]];
}

const newKeyPair = promisify(generateKeyPair);

/** DER of a private key's SubjectPublicKeyInfo. */
export function spkiOf(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }));
}

/** The bits of an RSA key; null for every other. */
export function rsaBitsOf(key: KeyObject): number | null {
  return key.asymmetricKeyType === 'rsa' ? (key.asymmetricKeyDetails?.modulusLength ?? null) : null;
}

function curveOf({ keys }: Profile): string {
  return keys[0] === 'ec-p384' ? 'P-384' : 'P-256';
}

/** A new key: RSA of so many bits, or of the first type the profile names. */
export function makeKey(profile: Profile, rsaBits: number | null): KeyObject {
  if (rsaBits !== null) return generateKeyPairSync('rsa', { modulusLength: rsaBits }).privateKey;
  return generateKeyPairSync('ec', { namedCurve: curveOf(profile) }).privateKey;
}

/** As {@link makeKey}, but not on the event loop: an RSA key takes tenths of a second and more. */
export async function makeKeyAside(profile: Profile, rsaBits: number | null): Promise<KeyObject> {
  const made =
    rsaBits === null
      ? await newKeyPair('ec', { namedCurve: curveOf(profile) })
      : await newKeyPair('rsa', { modulusLength: rsaBits });
  return made.privateKey;
}

/** PKCS#8 in PEM, encrypted with AES-256-CBC if there is a passphrase. */
function keyToPem(key: KeyObject, passphrase: string | undefined): string {
  const encryption = passphrase ? { cipher: 'aes-256-cbc', passphrase } : {};
  return key.export({ type: 'pkcs8', format: 'pem', ...encryption }).toString();
}

export function writeKey(dir: string, name: KeyFile, key: KeyObject, passphrase: string | undefined): void {
  writePkiFile(dir, name, keyToPem(key, passphrase), secretMode);
}

/** Opens a key. Fails with NolapseError `pki_file_missing`, `passphrase_missing`, `passphrase_wrong` or `pki_malformed`. */
export function readKeyFile(dir: string, name: KeyFile, passphrase: string | undefined): KeyObject {
  const pem = readPkiFile(dir, name);
  const path = join(dir, name);
  const encrypted = pem.includes('ENCRYPTED');
  if (encrypted && !passphrase)
    throw new NolapseError('passphrase_missing', `${path} is encrypted: give its passphrase`);
  try {
    return createPrivateKey({ key: pem, format: 'pem', ...(encrypted && passphrase ? { passphrase } : {}) });
  } catch (error) {
    if (encrypted) throw new NolapseError('passphrase_wrong', `the passphrase does not open ${path}`, error);
    throw new NolapseError('pki_malformed', `${path} holds no private key`, error);
  }
}

export function writeCertificates(dir: string, name: CertificateFile, ders: readonly Uint8Array[]): void {
  writePkiFile(dir, name, ders.map((der) => derToPem(der, 'CERTIFICATE')).join(''), publicMode);
}

/** Reads a `.crt` file. Fails with NolapseError `pki_file_missing` or `pki_malformed`. */
export function readCertificates(dir: string, name: CertificateFile): CertificateChain {
  const [first, ...above] = pemToDer(readPkiFile(dir, name), 'CERTIFICATE') ?? [];
  if (!first) throw new NolapseError('pki_malformed', `${join(dir, name)} holds no certificate`);
  try {
    return { facts: readCertificate(first), ders: [first, ...above] };
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new NolapseError('pki_malformed', `${join(dir, name)}: ${error.message}`, error);
  }
}

/** Opens a key and the certificate over it. As {@link readKeyFile}, and NolapseError `key_mismatch`. */
export function readPair(
  dir: string,
  name: PairName,
  passphrase: string | undefined,
): CertificateChain & { readonly key: KeyObject } {
  const certificates = readCertificates(dir, `${name}.crt`);
  const key = readKeyFile(dir, `${name}.key`, passphrase);
  if (Buffer.compare(spkiOf(key), certificates.facts.key.spki) !== 0) {
    throw new NolapseError('key_mismatch', `${join(dir, name)}.key does not belong to ${name}.crt`);
  }
  return { ...certificates, key };
}
