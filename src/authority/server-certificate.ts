// The broker's own TLS certificate: whether it is still good, and a new one, with a new key, when it is not. It does not
// watch the clock; whoever runs the broker asks.
import type { KeyObject } from 'node:crypto';
import type { Serial } from '../domain/certificate.ts';
import { NolapseError } from '../domain/errors.ts';
import { firstIssuer } from '../domain/issuing-slots.ts';
import { type Instant, toSeconds } from '../domain/time.ts';
import { signServer } from '../pki/certificate.ts';
import { isIssuerOf, isSignedBy } from '../pki/chain.ts';
import { authorityKeyIdentifier, type HostName, hostNames } from '../pki/extensions.ts';
import { derToPem } from '../pki/pem.ts';
import { newSerial } from '../pki/serial.ts';
import type { Entropy } from '../ports/clock.ts';
import { has, issuingPair, rootPair } from './files.ts';
import { hostNameOf } from './host-name.ts';
import { type IssuingCa, type Named, openIssuingCa, readIssuingCa } from './issuing-ca.ts';
import {
  type CertificateChain,
  makeKey,
  readCertificates,
  readPair,
  rsaBitsOf,
  spkiOf,
  writeCertificates,
  writeKey,
} from './key-pair.ts';
import { loadProfiles, type OwnProfile, type Profiles } from './profiles.ts';

/** The pair of the port that serves the next root. */
export const secondPair = 'server-2';

export interface ServerOptions {
  readonly now: Instant;
  readonly entropy: Entropy;
  /** DNS names and addresses the server is reached by; at least one. */
  readonly names: readonly string[];
  readonly passphrase?: string | undefined;
  /** Makes RSA keys of so many bits; absent: keys like those there are, or the profiles' own. */
  readonly rsaBits?: number | undefined;
  /** Other profiles than those of the package. */
  readonly profiles?: Profiles | undefined;
  /** The issuing CA that signs; absent: the first, as its files have it. */
  readonly issuing?: Named | undefined;
  /** Which pair; absent: the first port's. */
  readonly pair?: 'server' | typeof secondPair | undefined;
}

/** What TLS is given. */
export interface ServerCertificate {
  /** PKCS#8, PEM, in the clear: for memory only. */
  readonly keyPem: string;
  /** PEM: the server's certificate, then its chain without the root. */
  readonly certificatePem: string;
  /** DER of the server's certificate. */
  readonly der: Uint8Array;
  /** Not in the ledger, which is for principals. */
  readonly serial: Serial;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
}

/** Share of the profile's lifetime that must be left, or it is replaced. */
const lifeLeftMin = 1 / 3;

/** RFC 5280, A.1: ub-common-name. */
const commonNameLengthMax = 64;

/**
 * What subjectAltName and common name may take together, in bytes, so that a Certificate message stays below 1,000: with keys on P-256
 * the rest of it has at most 841. Some TLS stacks read no message that is longer than a record of 1 kB.
 */
const namesBytesMax = 158;

/** Clients go by the subjectAltName (RFC 9525, 2); the first name stands in the subject too, where there is room for it. */
function commonNameOf([first = '']: readonly string[], hosts: readonly HostName[]): string {
  const fits = first.length <= commonNameLengthMax && hostNames(hosts).length + first.length <= namesBytesMax;
  return fits ? first : 'nolapse server';
}

/** The validity of one of the broker's own certificates made at `now`: whole seconds, never past its issuer's. */
export function ownValidity(
  now: Instant,
  profile: OwnProfile,
  issuerNotAfter: Instant,
): { notBefore: Instant; notAfter: Instant } {
  return {
    notBefore: toSeconds(now - profile.backdateMs) * 1_000,
    notAfter: toSeconds(Math.min(now + profile.lifetimeMs, issuerNotAfter)) * 1_000,
  };
}

function assemble({ facts, ders, key }: CertificateChain & { readonly key: KeyObject }): ServerCertificate {
  return {
    keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificatePem: ders.map((der) => derToPem(der, 'CERTIFICATE')).join(''),
    der: ders[0],
    serial: facts.serial,
    notBefore: facts.notBefore,
    notAfter: facts.notAfter,
  };
}

/** @param like the key it replaces, whose type it keeps; null: it takes its issuer's. */
function issueUnder(ca: IssuingCa, like: KeyObject | null, dir: string, options: ServerOptions): ServerCertificate {
  const profile = (options.profiles ?? loadProfiles()).server;
  const hosts = options.names.map(hostNameOf);
  if (hosts.length === 0) throw new NolapseError('invalid_name', 'the server needs at least one name');
  const key = makeKey(profile, rsaBitsOf(like ?? ca.issuer.signer.key));
  const der = signServer(
    {
      serial: newSerial(options.entropy),
      commonName: commonNameOf(options.names, hosts),
      ...ownValidity(options.now, profile, ca.facts.notAfter),
      spki: spkiOf(key),
      usages: profile,
      hosts,
    },
    ca.issuer,
  );
  // A crash between the two leaves a key without its certificate, which the next start replaces.
  const { pair = 'server', passphrase } = options;
  writeKey(dir, `${pair}.key`, key, passphrase);
  writeCertificates(dir, `${pair}.crt`, [der, ...ca.chain]);
  return assemble(readPair(dir, pair, passphrase));
}

function isSame(one: Uint8Array, other: Uint8Array | undefined): boolean {
  return other !== undefined && Buffer.compare(one, other) === 0;
}

function openPair(dir: string, { passphrase, pair = 'server' }: Pick<ServerOptions, 'passphrase' | 'pair'>) {
  try {
    return readPair(dir, pair, passphrase);
  } catch (error) {
    // Missing, torn or not belonging together, the pair is ours to make anew; one we may not read is somebody's decision.
    if (error instanceof NolapseError && error.code !== 'pki_file_unreadable') return null;
    throw error;
  }
}

/** Has it too little life left, and would a new one have more? At the issuing CA's own end it would not. */
function isAgeing(
  { facts }: CertificateChain,
  ca: IssuingCa,
  { now, profiles = loadProfiles() }: ServerOptions,
): boolean {
  const leftMs = facts.notAfter - now;
  if (leftMs >= profiles.server.lifetimeMs * lifeLeftMin) return false;
  return ownValidity(now, profiles.server, ca.facts.notAfter).notAfter > facts.notAfter;
}

/** Does it begin in the future, made by a clock that ran ahead? Before the issuing CA itself begins, it is the clock that is wrong. */
function isAhead({ facts }: CertificateChain, ca: IssuingCa, now: Instant): boolean {
  return facts.notBefore > now && ca.facts.notBefore <= now;
}

/** Is it what would be made now, as far as time does not change it: with the same names, under the same issuing CA and its chain? */
function isUpToDate({ facts, ders }: CertificateChain, ca: IssuingCa, options: ServerOptions): boolean {
  const above = ders.slice(1);
  const isItsChain = above.length === ca.chain.length && above.every((der, i) => isSame(der, ca.chain[i]));
  if (!isItsChain || Buffer.compare(facts.issuer, ca.issuer.name) !== 0) return false;
  const body = Buffer.from(facts.signed.body.raw);
  const wanted = [hostNames(options.names.map(hostNameOf)), authorityKeyIdentifier(ca.issuer.keyId)];
  return wanted.every((extension) => body.includes(Buffer.from(extension)));
}

/**
 * Makes a new key and certificate for the server and writes both (its key 0600, then its certificate with the chain).
 * Fails with the errors of {@link openIssuingCa} and `invalid_name`.
 */
export function issueServerCertificate(dir: string, options: ServerOptions): ServerCertificate {
  return issueUnder(openIssuingCa(dir, options.passphrase, options.issuing), null, dir, options);
}

/**
 * The server's certificate, replaced first when it is missing or broken, when less than a third of its lifetime is left, when
 * it has not begun, or when its names, its issuer or the chain above it are no longer those of today. Fails as {@link issueServerCertificate}.
 */
export function ensureServerCertificate(
  dir: string,
  options: ServerOptions,
): ServerCertificate & { readonly renewed: boolean } {
  const ca = openIssuingCa(dir, options.passphrase, options.issuing);
  const pair = openPair(dir, options);
  const isGood =
    pair && !isAgeing(pair, ca, options) && !isAhead(pair, ca, options.now) && isUpToDate(pair, ca, options);
  if (isGood) return { ...assemble(pair), renewed: false };
  return { ...issueUnder(ca, pair?.key ?? null, dir, options), renewed: true };
}

/**
 * The server's certificate as {@link ensureServerCertificate} has it; where the key of its issuing CA is not in the home, as it is, if it
 * is below that CA. Fails as {@link ensureServerCertificate}.
 */
export function serverCertificateNow(
  dir: string,
  options: ServerOptions,
): ServerCertificate & { readonly renewed: boolean } {
  if (has(dir, `${issuingPair(options.issuing?.number ?? firstIssuer)}.key`))
    return ensureServerCertificate(dir, options);
  const pair = openPair(dir, options);
  const [issuing] = readIssuingCa(dir, options.issuing).chain;
  if (pair && isIssuerOf(issuing, pair.ders[0]) && isSignedBy(pair.ders[0], issuing)) {
    return { ...assemble(pair), renewed: false };
  }
  return ensureServerCertificate(dir, options);
}

/** The server's certificate as it is, whatever is wrong with it by now; null when there is none that belongs to its key. */
export function readServerCertificate(
  dir: string,
  passphrase: string | null | undefined,
  pair: ServerOptions['pair'] = 'server',
): ServerCertificate | null {
  const found = openPair(dir, { passphrase: passphrase ?? undefined, pair });
  return found && assemble(found);
}

/** DER of a root by its number; absent: the first. Fails as {@link openIssuingCa}. */
export function readServerRoot(dir: string, number = 1): Uint8Array {
  return readCertificates(dir, `${rootPair(number)}.crt`).ders[0];
}

/** Makes the server's pair when there is none that belongs together; true when it did. */
export function healServerCertificate(dir: string, options: ServerOptions): boolean {
  if (openPair(dir, options)) return false;
  issueServerCertificate(dir, options);
  return true;
}
