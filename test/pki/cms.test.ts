// Certificates in PKCS#7 files: written as RFC 5652 has it, read byte for byte in DER and BER, and refused in words where they hold none.
import { describe, expect, it } from 'vitest';
import { CmsError, certificatesIn, certsOnly } from '../../src/pki/cms.ts';
import { contextTag, encode, oid, sequence, set, smallInteger } from '../../src/pki/der.ts';
import { oids } from '../../src/pki/oids.ts';
import { OtherCa } from './made.ts';

const ca = new OtherCa('Old Waterworks', Date.UTC(2035, 0, 1));
const inUse = { notBefore: Date.UTC(2026, 0, 1), notAfter: Date.UTC(2034, 0, 1) };
const some = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => new Uint8Array(ca.issue(`pump-${i}`, inUse).der));

const signedDataOid = '1.2.840.113549.1.7.2';
const wrapped = (kind: string, ...content: Uint8Array[]): Uint8Array =>
  sequence(oid(kind), encode(contextTag(0, true), ...content));

/** The same, put together by hand. */
const byHand = (certificates: readonly Uint8Array[]): Uint8Array =>
  wrapped(
    signedDataOid,
    sequence(smallInteger(1), set(), sequence(oid(oids.cmsData)), encode(contextTag(0, true), ...certificates), set()),
  );

/** In BER of indefinite length, as old servers write it: everything that holds something, down to the certificates. */
function indefinite(certificates: readonly Uint8Array[]): Uint8Array {
  const end = Buffer.from([0, 0]);
  const open = (tag: number, ...parts: Uint8Array[]) => Buffer.concat([Buffer.from([tag, 0x80]), ...parts, end]);
  const bag = open(0xa0, ...certificates);
  const data = open(0x30, smallInteger(1), set(), open(0x30, oid(oids.cmsData)), bag, set());
  return new Uint8Array(open(0x30, oid(signedDataOid), open(0xa0, data)));
}

describe('certificates as PKCS#7', () => {
  it.each([1, 2, 300])('are written and read again byte for byte: %i', (count) => {
    const certificates = some(count);
    const written = certsOnly(certificates);
    expect(written).toEqual(byHand(certificates));
    expect(certificatesIn(written)).toEqual(certificates);
  });

  it('are read from BER of indefinite length', () => {
    const certificates = some(3);
    expect(certificatesIn(indefinite(certificates))).toEqual(certificates);
  });

  const [one = new Uint8Array()] = some(1);
  it.each([
    ['nothing', new Uint8Array(), 'is not a PKCS#7 file that can be read'],
    ['a certificate alone', one, 'is not a PKCS#7 file that can be read'],
    ['half of a file', byHand([one]).subarray(0, 300), 'is not a PKCS#7 file that can be read'],
    ['a file with something behind it', Buffer.concat([byHand([one]), one]), 'has something behind its PKCS#7 message'],
    [
      'a message of another kind',
      wrapped(oids.cmsData, sequence()),
      'is a PKCS#7 file of another kind than SignedData',
    ],
    ['a SignedData that is none', wrapped(signedDataOid, sequence()), 'is not a PKCS#7 file that can be read'],
    ['a SignedData without certificates', byHand([]), 'is a PKCS#7 file without a certificate'],
    [
      'something of another format beside one',
      byHand([one, encode(contextTag(3, true), oid(oids.cmsData), smallInteger(1))]),
      'is a PKCS#7 file with something else among its certificates',
    ],
  ])('are refused in words: %s', (_, message, words) => {
    expect(() => certificatesIn(new Uint8Array(message))).toThrow(CmsError);
    expect(() => certificatesIn(new Uint8Array(message))).toThrow(words);
  });
});
