// Makes the PKI of a new home: root, issuing CA and the server's certificate, in this order, so that whatever an interruption
// leaves behind can be told and finished. It never replaces a CA's key or certificate.
import { join } from 'node:path';
import { NolapseError } from '../domain/errors.ts';
import { type Issuer, nameOf, signCa } from '../pki/certificate.ts';
import { keyIdentifier } from '../pki/public-key.ts';
import { newSerial } from '../pki/serial.ts';
import { signerFor } from '../pki/signature.ts';
import { has, makePrivateDirectory, type PkiFile } from './files.ts';
import { issuerOf, openIssuingCa } from './issuing-ca.ts';
import {
  makeKey,
  readCertificates,
  readKeyFile,
  readPair,
  rsaBitsOf,
  spkiOf,
  writeCertificates,
  writeKey,
} from './key-pair.ts';
import { type CaProfile, loadProfiles } from './profiles.ts';
import { healServerCertificate, ownValidity, type ServerOptions } from './server-certificate.ts';

const pkiFiles: readonly PkiFile[] = ['root.key', 'root.crt', 'issuing.key', 'issuing.crt', 'server.key', 'server.crt'];

/** `created`: all of it. `healed`: what was missing. `present`: nothing had to be made. */
export type InitOutcome = 'created' | 'healed' | 'present';

/** The key of a CA that has no certificate yet: the one an interrupted init left, or a new one. */
function keyFor(
  dir: string,
  name: 'root' | 'issuing',
  profile: CaProfile,
  options: ServerOptions,
  parent: Parent | null,
) {
  const { passphrase, rsaBits } = options;
  if (has(dir, `${name}.key`)) return readKeyFile(dir, `${name}.key`, passphrase);
  const key = makeKey(profile, rsaBits ?? (parent && rsaBitsOf(parent.issuer.signer.key)));
  writeKey(dir, `${name}.key`, key, passphrase);
  return key;
}

/** Signs a CA's certificate: by `parent`, or by itself. Its name ends with the key's, so that no two CAs are confused. */
function certify(dir: string, profile: CaProfile, options: ServerOptions, parent: Parent | null): void {
  const name = profile.name === 'root' ? 'root' : 'issuing';
  const key = keyFor(dir, name, profile, options, parent);
  const spki = spkiOf(key);
  const keyId = keyIdentifier(spki);
  const commonName = `nolapse ${name} ${Buffer.from(keyId.subarray(0, 4)).toString('hex')}`;
  const issuer = parent?.issuer ?? { name: nameOf(commonName), keyId, signer: signerFor(key) };
  const body = {
    serial: newSerial(options.entropy),
    commonName,
    ...ownValidity(options.now, profile, parent?.notAfter ?? Number.POSITIVE_INFINITY),
    spki,
    usages: profile,
    pathLength: profile.pathLength,
  };
  writeCertificates(dir, `${name}.crt`, [signCa(body, issuer)]);
}

interface Parent {
  readonly issuer: Issuer;
  readonly notAfter: number;
}

function missing(dir: string, file: PkiFile, remedy: string): NolapseError {
  return new NolapseError('pki_file_missing', `${join(dir, file)} is missing: ${remedy}`);
}

/** Keys that are there are kept: a wish for others is refused, not forgotten. */
function requireKeyType(dir: string, rsaBits: number | undefined): void {
  if (rsaBits === undefined || !has(dir, 'root.crt')) return;
  const { algorithm, bits } = readCertificates(dir, 'root.crt').facts.key;
  if (algorithm === 'rsa' && bits === rsaBits) return;
  const present = algorithm === 'rsa' ? `RSA with ${bits} bits` : (algorithm ?? 'of another type');
  throw new NolapseError(
    'key_type',
    `${join(dir, 'root.crt')} is there and its key is ${present}: --key is for a new home`,
  );
}

/** Makes root and issuing CA as far as they are not there; true when it made anything. */
function healCas(dir: string, options: ServerOptions): boolean {
  if (options.issuing) {
    // The ledger knows which issuing CA signs: another one would not be it.
    openIssuingCa(dir, options.passphrase, options.issuing);
    return false;
  }
  const complete = has(dir, 'root.crt') && has(dir, 'issuing.crt') && has(dir, 'issuing.key');
  if (complete) {
    openIssuingCa(dir, options.passphrase);
    return false;
  }
  if (has(dir, 'issuing.crt')) {
    if (!has(dir, 'root.crt')) throw missing(dir, 'root.crt', 'the issuing CA is there, so restore its root');
    throw missing(dir, 'issuing.key', 'restore it, or remove issuing.crt to have another issuing CA made');
  }
  const profiles = options.profiles ?? loadProfiles();
  if (!has(dir, 'root.crt')) certify(dir, profiles.root, options, null);
  if (!has(dir, 'root.key')) throw missing(dir, 'root.key', 'it is needed to make an issuing CA');
  const root = readPair(dir, 'root', options.passphrase);
  certify(dir, profiles.issuing, options, { issuer: issuerOf(root), notAfter: root.facts.notAfter });
  return true;
}

/**
 * Makes what is missing of root.key, root.crt, issuing.key, issuing.crt, server.key and server.crt in `dir` (mode 0700,
 * keys 0600). Nothing that is there is replaced, but a server pair that does not belong together. A root.key that was
 * taken away is not missed. Fails with NolapseError `key_type` when `rsaBits` is not what the root has, with `pki_file_missing` when something cannot be made anew, and as
 * {@link openIssuingCa} when what is there does not open or fit.
 */
export function initPki(dir: string, options: ServerOptions): InitOutcome {
  makePrivateDirectory(dir);
  requireKeyType(dir, options.rsaBits);
  const wasEmpty = !pkiFiles.some((file) => has(dir, file));
  const madeCas = healCas(dir, options);
  const madeServer = healServerCertificate(dir, options);
  if (!madeCas && !madeServer) return 'present';
  return wasEmpty ? 'created' : 'healed';
}
