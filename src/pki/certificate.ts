// Makes X.509 certificates (RFC 5280, 4.1) with the own DER writer: the same values give the same body, byte for byte.
// Whether one may be made was decided before.
import type { Serial } from '../domain/certificate.ts';
import type { Profile } from '../domain/request.ts';
import type { Instant } from '../domain/time.ts';
import { contextTag, encode, oid, sequence, set, smallInteger, time, utf8String } from './der.ts';
import {
  authorityKeyIdentifier,
  caConstraints,
  caIssuers,
  crlDistributionPoint,
  extendedKeyUsage,
  type HostName,
  hostNames,
  keyUsage,
  leafConstraints,
  subjectKeyIdentifier,
  uriName,
} from './extensions.ts';
import { oids } from './oids.ts';
import { keyIdentifier } from './public-key.ts';
import { serialInteger } from './serial.ts';
import { type Signer, seal } from './signature.ts';

/** Whoever signs: its name and key identifier as its own certificate has them. */
export interface Issuer {
  /** DER of its Name. */
  readonly name: Uint8Array;
  readonly keyId: Uint8Array;
  readonly signer: Signer;
}

/** What every certificate says. */
interface CertificateBody {
  readonly serial: Serial;
  readonly commonName: string;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** DER of the SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly usages: Pick<Profile, 'keyUsage' | 'extendedKeyUsage'>;
}

/** Where relying parties find what they need to judge a certificate. */
export interface Locations {
  readonly crlUrl: string;
  readonly caIssuersUrl: string;
}

export interface LeafBody extends CertificateBody {
  readonly uri: string;
  readonly locations: Locations;
}

export interface ServerBody extends CertificateBody {
  readonly hosts: readonly HostName[];
}

export interface CaBody extends CertificateBody {
  /** How many CAs may follow below this one; null: any number. */
  readonly pathLength: number | null;
}

const commonNameOid = oid(oids.commonName);
const version3 = encode(contextTag(0, true), smallInteger(2));

/** DER of a Name with one common name. */
export function nameOf(commonName: string): Uint8Array {
  return sequence(set(sequence(commonNameOid, utf8String(commonName))));
}

function sealCertificate(body: CertificateBody, issuer: Issuer, extensions: readonly Uint8Array[]): Uint8Array {
  const tbs = sequence(
    version3,
    serialInteger(body.serial),
    issuer.signer.algorithm,
    issuer.name,
    sequence(time(body.notBefore), time(body.notAfter)),
    nameOf(body.commonName),
    body.spki,
    encode(contextTag(3, true), sequence(...extensions)),
  );
  return seal(tbs, issuer.signer);
}

/**
 * Signs a server's certificate and returns its DER. It is short, so that it fits one small TLS record together with its issuer's:
 * a subject key identifier is needed in CA certificates alone (RFC 5280, 4.2.1.2), its chain is sent with it, and no CRL lists it.
 */
export function signServer(body: ServerBody, issuer: Issuer): Uint8Array {
  return sealCertificate(body, issuer, [
    leafConstraints,
    keyUsage(body.usages.keyUsage),
    extendedKeyUsage(body.usages.extendedKeyUsage),
    hostNames(body.hosts),
    authorityKeyIdentifier(issuer.keyId),
  ]);
}

/** Signs a principal's certificate and returns its DER. */
export function signLeaf(body: LeafBody, issuer: Issuer): Uint8Array {
  return sealCertificate(body, issuer, [
    leafConstraints,
    keyUsage(body.usages.keyUsage),
    extendedKeyUsage(body.usages.extendedKeyUsage),
    uriName(body.uri),
    subjectKeyIdentifier(keyIdentifier(body.spki)),
    authorityKeyIdentifier(issuer.keyId),
    crlDistributionPoint(body.locations.crlUrl),
    caIssuers(body.locations.caIssuersUrl),
  ]);
}

/**
 * Signs the certificate of an operator and returns its DER. It names no revocation list: only the HTTP API takes it, which asks the ledger
 * at each request.
 */
export function signOperator(body: CertificateBody & { readonly uri: string }, issuer: Issuer): Uint8Array {
  return sealCertificate(body, issuer, [
    leafConstraints,
    keyUsage(body.usages.keyUsage),
    extendedKeyUsage(body.usages.extendedKeyUsage),
    uriName(body.uri),
    subjectKeyIdentifier(keyIdentifier(body.spki)),
    authorityKeyIdentifier(issuer.keyId),
  ]);
}

/** Signs a CA's certificate and returns its DER. A self-signed one has itself as its issuer. */
export function signCa(body: CaBody, issuer: Issuer): Uint8Array {
  return sealCertificate(body, issuer, [
    caConstraints(body.pathLength),
    keyUsage(body.usages.keyUsage),
    subjectKeyIdentifier(keyIdentifier(body.spki)),
    authorityKeyIdentifier(issuer.keyId),
  ]);
}
