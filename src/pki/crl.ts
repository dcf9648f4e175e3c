// Certificate revocation lists (RFC 5280, 5): writes them of any length, in turns, and reads them back with their signature
// verified. What belongs on one is decided by the ledger.
import { type RevocationReason, revocationReasons, type Serial } from '../domain/certificate.ts';
import type { Instant } from '../domain/time.ts';
import type { Issuer } from './certificate.ts';
import { bitString, contextTag, encode, header, sequence, smallInteger, tags, time } from './der.ts';
import { DerError, DerReader, instantOf, magnitude, openDer, smallNumber } from './der-reader.ts';
import { readIssuingPoint } from './distribution-point.ts';
import { authorityKeyIdentifier, crlNumber, issuingDistributionPoint, reasonCode } from './extensions.ts';
import { oids } from './oids.ts';
import { type Extensions, readExtensions } from './parts.ts';
import { importKey } from './public-key.ts';
import { serialInteger, serialOf } from './serial.ts';
import { readSigned, sealInTurns, signatureVerifies } from './signature.ts';
import { readCertificate } from './x509.ts';

interface CrlEntry {
  readonly serial: Serial;
  readonly revokedAt: Instant;
  readonly reason: RevocationReason;
}

interface CrlHead {
  /** Monotonic (RFC 5280, 5.2.3). */
  readonly number: number;
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant;
  /** The URL that the certificates in its scope name; null: it lists all that its issuer revoked. */
  readonly distributionPoint: string | null;
}

export interface CrlBody extends CrlHead {
  /** In pages, each asked for when the one before it is encoded: whoever gives them decides how the event loop turns. */
  readonly revoked: AsyncIterable<readonly CrlEntry[]>;
}

/** Bytes of a CRL beyond which it is not read: more than 1,200,000 entries. */
const crlBytesMax = 64 * 1_024 * 1_024;

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

function extensionsOf({ number, distributionPoint }: CrlHead, issuer: Pick<Issuer, 'keyId'>): Uint8Array {
  const scope = distributionPoint === null ? [] : [issuingDistributionPoint(distributionPoint)];
  const all = sequence(authorityKeyIdentifier(issuer.keyId), crlNumber(number), ...scope);
  return encode(contextTag(0, true), all);
}

const bytesIn = (pieces: readonly Uint8Array[]): number => pieces.reduce((sum, { length }) => sum + length, 0);

/**
 * Signs a CRL and returns its DER in pieces, one a page of entries and a few more: about 40 bytes and two microseconds an entry. No
 * more than a page is encoded, and half a megabyte hashed, in one turn of the event loop.
 */
export async function signCrl(body: CrlBody, issuer: Issuer): Promise<Uint8Array[]> {
  const pages: Uint8Array[] = [];
  for await (const page of body.revoked) if (page.length > 0) pages.push(Buffer.concat(page.map(encodeEntry)));
  const head = [
    version2,
    issuer.signer.algorithm,
    issuer.name,
    time(body.thisUpdate),
    time(body.nextUpdate),
    // RFC 5280, 5.1.2.6: an empty list is left out.
    ...(pages.length > 0 ? [header(tags.sequence, bytesIn(pages))] : []),
  ];
  const tbs = [...head, ...pages, extensionsOf(body, issuer)];
  return sealInTurns([header(tags.sequence, bytesIn(tbs)), ...tbs], issuer.signer);
}

/** Who issues a list that is signed elsewhere. */
export interface ListIssuer extends Pick<Issuer, 'name' | 'keyId'> {
  /** DER of the AlgorithmIdentifier. */
  readonly algorithm: Uint8Array;
}

/** DER of the TBSCertList of a short list: the bytes that are signed. */
export function crlBody(list: CrlHead & { readonly revoked: readonly CrlEntry[] }, issuer: ListIssuer): Uint8Array {
  return sequence(
    version2,
    issuer.algorithm,
    issuer.name,
    time(list.thisUpdate),
    time(list.nextUpdate),
    // RFC 5280, 5.1.2.6: an empty list is left out.
    ...(list.revoked.length > 0 ? [sequence(...list.revoked.map(encodeEntry))] : []),
    extensionsOf(list, issuer),
  );
}

/** A body and the signature over it, made elsewhere, as a CRL. */
export function crlOf(body: Uint8Array, algorithm: Uint8Array, signature: Uint8Array): Uint8Array {
  return sequence(body, algorithm, bitString(signature));
}

/** May this be a CRL? The body of a certificate begins with a tag of its own (RFC 5280, 4.1 and 5.1). */
export function looksLikeCrl(der: Uint8Array): boolean {
  try {
    const body = openDer(der, tags.sequence, crlBytesMax).enter(tags.sequence);
    return body.sees(tags.integer) || body.sees(tags.sequence);
  } catch (error) {
    if (error instanceof DerError) return false;
    throw error;
  }
}

/** A CRL as read. */
export interface CrlFacts extends CrlHead {
  readonly extensions: Extensions;
  readonly revoked: readonly CrlEntry[];
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
 * Reads a CRL of any length and verifies it under the certificate of its issuer. Walking it is our own work:
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
  const extensions = readExtensions(explicit.enter(tags.sequence));
  const number = extensions.get(oids.crlNumber);
  return {
    extensions,
    distributionPoint: readIssuingPoint(extensions),
    number: number ? smallNumber(new DerReader(number.value).next(tags.integer)) : 0,
    thisUpdate,
    nextUpdate,
    revoked,
    signatureValid: Buffer.compare(name, issuer.subject) === 0 && key !== null && signatureVerifies(signed, key),
  };
}
