// Does a chain of signatures introduce this stranger? It walks from the leaf to a trusted anchor, verifying each signature
// over the very bytes it reads, and never asks TLS: CERT_HAS_EXPIRED masks every other fault there, and a forgery that
// names our issuer shows it. The leaf's own time is reported, not judged.
import type { Instant } from '../domain/time.ts';
import { DerError } from './der-reader.ts';
import { oids } from './oids.ts';
import { importKey, rsaBitsVerifiedMax } from './public-key.ts';
import { signatureVerifies } from './signature.ts';
import { type CertificateFacts, readAdopted, readCertificate } from './x509.ts';

/** Certificates in a path, leaf and anchor included. */
const chainDepthMax = 5;

/** Certificates read of those a stranger sent along; the rest is ignored. */
export const issuersReadMax = 8;

/** What a chain says about a stranger's certificate. Times in Unix milliseconds; 0 when it could not be read. */
export interface Introduction {
  readonly introduced: boolean;
  readonly commonName: string | null;
  readonly uris: readonly string[];
  readonly notBefore: Instant;
  readonly notAfter: Instant;
}

const nobody: Introduction = { introduced: false, commonName: null, uris: [], notBefore: 0, notAfter: 0 };

// RFC 5280, 4.2: a critical extension that is not understood refuses the certificate. Name constraints are among those.
export const understood: ReadonlySet<string> = new Set([
  oids.basicConstraints,
  oids.keyUsage,
  oids.extendedKeyUsage,
  oids.subjectAltName,
  oids.certificatePolicies,
]);

function readOrNull(der: Uint8Array, read = readCertificate): CertificateFacts | null {
  try {
    return read(der);
  } catch (error) {
    if (error instanceof DerError) return null;
    throw error;
  }
}

function isUnderstood({ extensions, purposes }: CertificateFacts): boolean {
  for (const [id, { critical }] of extensions) {
    if (critical && !understood.has(id)) return false;
  }
  return purposes === null || purposes.includes(oids.clientAuth);
}

function isEndEntity(facts: CertificateFacts): boolean {
  return !facts.ca.is && facts.keyCertSign !== true && isUnderstood(facts);
}

/** May it issue, now, with `below` CAs between it and the leaf? */
function isCa(facts: CertificateFacts, below: number, now: Instant): boolean {
  const { ca, keyCertSign, notBefore, notAfter } = facts;
  if (!ca.is || keyCertSign === false || (ca.pathLength !== null && below > ca.pathLength)) return false;
  return notBefore <= now && now < notAfter && isUnderstood(facts);
}

function hasSigned(issuer: CertificateFacts, subject: CertificateFacts): boolean {
  if (Buffer.compare(issuer.subject, subject.issuer) !== 0) return false;
  // Only the size of an RSA modulus matters here: the key's owner is vouched for, its cost is not.
  if (issuer.key.bits > rsaBitsVerifiedMax) return false;
  const key = importKey(issuer.key);
  return key !== null && signatureVerifies(subject.signed, key);
}

/** Breadth first: every certificate is looked at once, by its shortest path, so the work is bounded whatever was sent. */
function reachesAnchor(
  leaf: CertificateFacts,
  sent: readonly CertificateFacts[],
  anchors: readonly CertificateFacts[],
  now: Instant,
): boolean {
  const unused = new Set(sent);
  let level: readonly CertificateFacts[] = [leaf];
  for (let below = 0; below <= chainDepthMax - 2 && level.length > 0; below += 1) {
    const next: CertificateFacts[] = [];
    for (const subject of level) {
      const issues = (issuer: CertificateFacts): boolean => isCa(issuer, below, now) && hasSigned(issuer, subject);
      if (anchors.some(issues)) return true;
      for (const issuer of unused) {
        if (!issues(issuer)) continue;
        unused.delete(issuer);
        next.push(issuer);
      }
    }
    level = next;
  }
  return false;
}

/**
 * Reads a stranger's certificate and looks for a path to one of the trusted anchors through the certificates sent along:
 * every signature verifies, every issuer is a CA that may issue (cA, keyCertSign, path length, in its time at `now`),
 * the leaf is none, and an extendedKeyUsage anywhere below the anchor or in it allows clientAuth. Never throws for bad
 * input: what cannot be read is not introduced.
 */
export function introduce(
  leafDer: Uint8Array,
  issuersDer: readonly Uint8Array[],
  anchorsDer: readonly Uint8Array[],
  now: Instant,
): Introduction {
  const leaf = readOrNull(leafDer);
  if (!leaf) return nobody;
  const isFacts = (facts: CertificateFacts | null): facts is CertificateFacts => facts !== null;
  const anchors = anchorsDer.map((der) => readOrNull(der)).filter(isFacts);
  const sent = issuersDer
    .slice(0, issuersReadMax)
    .map((der) => readOrNull(der))
    .filter(isFacts);
  const { commonName, uris, notBefore, notAfter } = leaf;
  const introduced = isEndEntity(leaf) && reachesAnchor(leaf, sent, anchors, now);
  return { introduced, commonName, uris, notBefore, notAfter };
}

/**
 * Does the certificate name this issuer (RFC 5280, 4.1.2.4)? Nothing is verified. The certificate is read as one that the ledger has adopted
 * may be written; one that cannot be read names nobody.
 */
export function isIssuerOf(issuerDer: Uint8Array, der: Uint8Array): boolean {
  const [issuer, subject] = [readOrNull(issuerDer), readOrNull(der, readAdopted)];
  return issuer !== null && subject !== null && Buffer.compare(issuer.subject, subject.issuer) === 0;
}

/**
 * Did the key of this issuer sign the certificate? Time and constraints are not judged, nor how strictly the certificate is encoded: the
 * signature is over the bytes as they are. @throws DerError when one of them cannot be read.
 */
export function isSignedBy(der: Uint8Array, issuerDer: Uint8Array): boolean {
  return hasSigned(readCertificate(issuerDer), readAdopted(der));
}
