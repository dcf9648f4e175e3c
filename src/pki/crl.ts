// Certificate revocation lists (RFC 5280, 5): writes complete ones of any length, and reads them back with their signature
// verified. What belongs on one is decided by the ledger.
import { type RevocationReason, revocationReasons, type Serial } from '../domain/certificate.ts';
import type { Instant } from '../domain/time.ts';
import type { Issuer } from './certificate.ts';
import { contextTag, encode, sequence, smallInteger, tags, time } from './der.ts';
import { DerReader, instantOf, magnitude, smallNumber } from './der-reader.ts';
import { authorityKeyIdentifier, crlNumber, reasonCode } from './extensions.ts';
import { oids } from './oids.ts';
import { type Extensions, readExtensions } from './parts.ts';
import { importKey } from './public-key.ts';
import { serialInteger, serialOf } from './serial.ts';
import { readSigned, seal, signatureVerifies } from './signature.ts';
import { readCertificate } from './x509.ts';

interface CrlEntry {
  readonly serial: Serial;
  readonly revokedAt: Instant;
  readonly reason: RevocationReason;
}

export interface CrlBody {
  /** Monotonic (RFC 5280, 5.2.3). */
  readonly number: number;
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant;
  readonly revoked: readonly CrlEntry[];
}

/** Bytes of a CRL beyond which it is not read: more than 600,000 entries. */
const crlBytesMax = 32 * 1_024 * 1_024;

const version2 = smallInteger(1);

const reasonExtensions: ReadonlyMap<RevocationReason, Uint8Array> = new Map(
  (Object.entries(revocationReasons) as [RevocationReason, number][]).map(([reason, code]) => [
    reason,
    // RFC 5280, 5.3.1: `unspecified` is said by saying nothing.
    code === 0 ? new Uint8Array() : sequence(reasonCode(code)),
  ]),
);

function encodeEntry({ serial, revokedAt, reason }: CrlEntry): Uint8Array {
  return sequence(serialInteger(serial), time(revokedAt), reasonExtensions.get(reason) ?? new Uint8Array());
}

/** Signs a complete CRL and returns its DER. About 50 bytes and two microseconds an entry. */
export function signCrl(body: CrlBody, issuer: Issuer): Uint8Array {
  const entries = Buffer.concat(body.revoked.map(encodeEntry));
  const tbs = sequence(
    version2,
    issuer.signer.algorithm,
    issuer.name,
    time(body.thisUpdate),
    time(body.nextUpdate),
    // RFC 5280, 5.1.2.6: an empty list is left out.
    entries.length > 0 ? sequence(entries) : entries,
    encode(contextTag(0, true), sequence(authorityKeyIdentifier(issuer.keyId), crlNumber(body.number))),
  );
  return seal(tbs, issuer.signer);
}

/** A CRL as read. */
export interface CrlFacts extends CrlBody {
  /** It names this issuer, and verifies under its key. */
  readonly signatureValid: boolean;
}

const reasonsByCode: ReadonlyMap<number, RevocationReason> = new Map(
  (Object.entries(revocationReasons) as [RevocationReason, number][]).map(([reason, code]) => [code, reason]),
);

function readReason(extensions: Extensions): RevocationReason {
  const found = extensions.get(oids.reasonCode);
  if (!found) return 'unspecified';
  return reasonsByCode.get(smallNumber(new DerReader(found.value).next(tags.enumerated))) ?? 'unspecified';
}

function readEntry(entry: DerReader): CrlEntry {
  const serial = serialOf(magnitude(entry.next(tags.integer)));
  const revokedAt = instantOf(entry.any());
  const reason = entry.atEnd ? 'unspecified' : readReason(readExtensions(entry.enter(tags.sequence)));
  entry.end();
  return { serial, revokedAt, reason };
}

/**
 * Reads a complete CRL of any length and verifies it under the certificate of its issuer. Walking it is our own work:
 * asn1js stops at 10,000 nodes, about 3,000 entries. Anything that is not a version 2 CRL is a DerError.
 */
export function readCrl(der: Uint8Array, issuerDer: Uint8Array): CrlFacts {
  const issuer = readCertificate(issuerDer);
  const key = importKey(issuer.key);
  const signed = readSigned(der, crlBytesMax);
  const body = new DerReader(signed.body.content, 1);
  body.next(tags.integer);
  body.next(tags.sequence);
  const name = body.next(tags.sequence).raw;
  const thisUpdate = instantOf(body.any());
  const nextUpdate = instantOf(body.any());
  const revoked: CrlEntry[] = [];
  if (body.sees(tags.sequence)) {
    const list = body.enter(tags.sequence);
    while (!list.atEnd) revoked.push(readEntry(list.enter(tags.sequence)));
  }
  const explicit = body.enter(contextTag(0, true));
  body.end();
  const number = readExtensions(explicit.enter(tags.sequence)).get(oids.crlNumber);
  return {
    number: number ? smallNumber(new DerReader(number.value).next(tags.integer)) : 0,
    thisUpdate,
    nextUpdate,
    revoked,
    signatureValid: Buffer.compare(name, issuer.subject) === 0 && key !== null && signatureVerifies(signed, key),
  };
}
