// Reads a certificate that an authority answered with, for the domain to hold against the request. Strictly: it is trusted by what it says.
import { type Fingerprint, foreignSerial } from '../domain/certificate.ts';
import type { IssuedFacts } from '../domain/issued-entry.ts';
import { isSignedBy, understood } from './chain.ts';
import { tags } from './der.ts';
import { DerError, DerReader, hasBit } from './der-reader.ts';
import { fingerprintOf } from './fingerprint.ts';
import { requestName } from './oid-names.ts';
import { oids } from './oids.ts';
import { type Extensions, readAlternativeNames, valuesOf } from './parts.ts';
import { type CertificateFacts, readCertificate } from './x509.ts';

const cRLSignBit = 6;

/** May its key sign revocation lists (RFC 5280, 4.2.1.3)? */
export function signsLists(extensions: Extensions): boolean {
  const usage = extensions.get(oids.keyUsage);
  return usage !== undefined && hasBit(new DerReader(usage.value, 0).next(tags.bitString).content, cRLSignBit);
}

function unknownCriticalIn(extensions: Extensions): string | null {
  for (const [id, { critical }] of extensions) if (critical && !understood.has(id)) return requestName(id);
  return null;
}

/**
 * The mark that tells the serial numbers of one issuer from those of others (RFC 5280, 4.1.2.2): its name, and its key by the
 * identifier that the certificate has for it, or by itself where the certificate is its own issuer.
 */
export function issuerMark({ issuer, subject, key, extensions }: CertificateFacts): Fingerprint {
  const keyId = extensions.get(oids.authorityKeyIdentifier)?.value ?? new Uint8Array();
  const isOwnIssuer = Buffer.compare(issuer, subject) === 0;
  return fingerprintOf(Buffer.concat([issuer, isOwnIssuer ? key.spki : keyId])) as Fingerprint;
}

/** How the answer of an authority is to be read. */
export interface Reading {
  /** DER of the certificate that signed it. Null: nobody need verify it, it was signed in this process. */
  readonly issuer: Uint8Array | null;
  /** Are serial numbers of this authority unique in the ledger by themselves? Those of a CA elsewhere carry its mark. */
  readonly ownSerials: boolean;
}

/** What the certificate says, or what is wrong with its encoding. */
export function readIssued(der: Uint8Array, { issuer, ownSerials }: Reading): IssuedFacts | string {
  try {
    const facts = readCertificate(der);
    const { serial, key, name, ca, keyCertSign, purposes, extensions, notBefore, notAfter } = facts;
    const names = extensions.get(oids.subjectAltName);
    return {
      der,
      fingerprint: fingerprintOf(der) as Fingerprint,
      serial: ownSerials ? serial : foreignSerial(serial, issuerMark(facts)),
      keyFingerprint: key.fingerprint,
      commonNames: valuesOf(name, oids.commonName),
      alternativeNames: names ? readAlternativeNames(names.value, 'strict') : [],
      mayIssue: ca.is || keyCertSign === true || signsLists(extensions),
      purposes: purposes?.map((id) => (id === oids.clientAuth ? 'clientAuth' : 'other')) ?? null,
      unknownCritical: unknownCriticalIn(extensions),
      notBefore,
      notAfter,
      isSigned: issuer === null || isSignedBy(der, issuer),
    };
  } catch (error) {
    if (error instanceof DerError) return `it is no X.509 certificate: ${error.message}`;
    throw error;
  }
}
