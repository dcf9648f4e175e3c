// How certificates of other CAs are read: loosely where the ledger holds their bytes, strictly where a signature introduces somebody.
import { createPublicKey, ECDH, generateKeyPairSync, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { bitString, encode, octetString, oid, sequence, set, tags, utf8String } from '../../src/pki/der.ts';
import { DerError } from '../../src/pki/der-reader.ts';
import { caConstraints, leafConstraints, uriName } from '../../src/pki/extensions.ts';
import { fingerprintOf } from '../../src/pki/fingerprint.ts';
import { oids } from '../../src/pki/oids.ts';
import { plainSubject, subjectForms } from '../../src/pki/subject-text.ts';
import { asPresented, type CertificateFacts, readAdopted, readCertificate } from '../../src/pki/x509.ts';
import { ecKey, rsaKey, spkiOf } from './made.ts';
import { integerOf, longLength, longTime, type OddParts, oddCertificate, readsShortTimes, utcTime } from './odd.ts';

const odd = (parts: OddParts) => oddCertificate('dev-1', parts).der;
const begin = utcTime('260101000000Z');
const cn = (tag: number, bytes: Uint8Array) => sequence(set(sequence(oid(oids.commonName), encode(tag, bytes))));
const critical = (octet: number) =>
  sequence(oid('1.2.3'), encode(tags.boolean, Uint8Array.of(octet)), octetString(new Uint8Array()));
const broken = (id: string) => sequence(oid(id), octetString(Buffer.from('no DER')));

describe('a certificate that is trusted by its bytes', () => {
  it.each<[string, OddParts, Partial<Record<keyof CertificateFacts, unknown>>]>([
    ['serial -1', { serial: integerOf(0xff) }, { serial: 'n01' }],
    ['serial -32768', { serial: integerOf(0x80, 0) }, { serial: 'n8000' }],
    ['serial 0', { serial: integerOf(0) }, { serial: '00' }],
    ['serial of 40 octets', { serial: integerOf(...Array<number>(40).fill(0x11)) }, { serial: '11'.repeat(40) }],
    ['name in T61', { subject: cn(0x14, Buffer.from('dev-1')) }, { commonName: 'dev-1' }],
    ['name in T61 beyond ASCII', { subject: cn(0x14, Buffer.of(0x47, 0xfc)) }, { commonName: 'Gü' }],
    ['name in BMP', { subject: cn(0x1e, Buffer.from('\0d\0e\0v')) }, { commonName: 'dev' }],
    ['no subject', { subject: sequence() }, { commonName: null, name: [] }],
    ['BOOLEAN of 1', { extensions: [critical(1)] }, { commonName: 'dev-1' }],
    ['BOOLEAN of 0', { extensions: [critical(0)] }, { commonName: 'dev-1' }],
    ['extension twice', { extensions: [uriName('urn:a'), uriName('urn:b')] }, { uris: ['urn:a'] }],
    [
      'extensions that cannot be read',
      { extensions: ['2.5.29.17', '2.5.29.19', '2.5.29.15', '2.5.29.37', '2.5.29.14'].map(broken) },
      { uris: [], ca: { is: false, pathLength: null }, keyCertSign: null, purposes: null },
    ],
    ['version 1', { version: null }, { commonName: 'dev-1' }],
    ['CA:TRUE', { extensions: [caConstraints(0)] }, { ca: { is: true, pathLength: 0 } }],
    ['a time without seconds', { validity: [begin, utcTime('3001010000Z')] }, { notAfter: Date.UTC(2030, 0, 1) }],
    ['a time with an offset', { validity: [begin, utcTime('300101020000+0200')] }, { notAfter: Date.UTC(2030, 0, 1) }],
    ['a long time before 2050', { validity: [begin, longTime('20300101000000Z')] }, { notAfter: Date.UTC(2030, 0, 1) }],
    [
      'a time with a fraction',
      { validity: [begin, longTime('20300101000000.5Z')] },
      { notAfter: Date.UTC(2030, 0, 1) },
    ],
    ['no end', { validity: [begin, longTime('99991231235959Z')] }, { notAfter: Date.UTC(9999, 11, 31, 23, 59, 59) }],
    [
      'a key that is none',
      { spki: sequence(sequence(oid('1.2.3')), bitString(Buffer.of(1))) },
      { commonName: 'dev-1' },
    ],
    [
      'a DSA key',
      { spki: spkiOf(generateKeyPairSync('dsa', { modulusLength: 2_048, divisorLength: 224 }).privateKey) },
      { commonName: 'dev-1' },
    ],
    ['a weak RSA key', { spki: spkiOf(rsaKey(1_024)) }, { commonName: 'dev-1' }],
    ['an Ed25519 key', { spki: spkiOf(generateKeyPairSync('ed25519').privateKey) }, { commonName: 'dev-1' }],
  ])('is read with %s', (name, parts, expected) => {
    const der = odd(parts);
    expect(readAdopted(der)).toMatchObject(expected);
    const isRead = name !== 'a time without seconds' || readsShortTimes;
    expect(asPresented(der)).toEqual(isRead ? new Uint8Array(der) : null);
  });

  it.each<[string, OddParts, Partial<Record<keyof CertificateFacts, unknown>>]>([
    ['serial that is not minimal', { serial: integerOf(0, 0, 7) }, { serial: '07' }],
    ['name that is no text', { subject: cn(0x04, Buffer.from('dev-1')) }, { commonName: null }],
    ['UTF-8 that is none', { subject: cn(0x0c, Buffer.of(0xff)) }, { commonName: null }],
  ])('is read with %s, and can be presented by nobody', (_name, parts, expected) => {
    expect(readAdopted(odd(parts))).toMatchObject(expected);
    expect(asPresented(odd(parts))).toBeNull();
  });

  it('ends when OpenSSL says so, too', () => {
    for (const end of [utcTime('491231235959Z'), utcTime('500101000000Z'), longTime('20500101000000Z')]) {
      const der = odd({ validity: [begin, end] });
      expect(readAdopted(der).notAfter).toBe(Date.parse(new X509Certificate(der).validTo));
    }
  });

  it('is known by the bytes that TLS will show, where its shell is not DER', () => {
    const der = odd({});
    expect(() => readCertificate(longLength(der))).toThrow(DerError);
    expect(readAdopted(longLength(der)).commonName).toBe('dev-1');
    expect(asPresented(longLength(der))).toEqual(new Uint8Array(der));
    expect(asPresented(Buffer.from('nothing'))).toBeNull();
  });

  it('has the fingerprint of the whole point, where its key is compressed', () => {
    const key = ecKey();
    const whole = new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }));
    const point = ECDH.convertKey(whole.subarray(-65), 'prime256v1', undefined, undefined, 'compressed') as Buffer;
    const spki = sequence(sequence(oid(oids.ecPublicKey), oid(oids.p256)), bitString(point));
    expect(readAdopted(odd({ spki })).key).toMatchObject({ algorithm: 'ec-p256', fingerprint: fingerprintOf(whole) });
  });

  it.each<[string, Uint8Array]>([
    ['a time that does not exist', odd({ validity: [begin, utcTime('300230000000Z')] })],
    ['a time of words', odd({ validity: [begin, utcTime('tomorrow')] })],
    ['a serial number of 100 octets', odd({ serial: integerOf(...Array<number>(100).fill(1)) })],
    ['no serial number', odd({ serial: utf8String('1') })],
    ['trailing bytes', Buffer.concat([odd({}), Buffer.of(0)])],
  ])('is none with %s', (_name, der) => {
    expect(() => readAdopted(der)).toThrow(DerError);
  });

  it('never throws anything but DerError, whatever is changed in it', () => {
    const der = odd({ extensions: [leafConstraints, uriName('urn:nolapse:device:dev-1')] });
    const read = (bytes: Uint8Array) => {
      try {
        readAdopted(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(DerError);
      }
    };
    const place = fc.nat(der.length - 1);
    fc.assert(
      fc.property(place, fc.nat(255), place, fc.nat(255), (at, value, other, second) =>
        read(der.with(at, value).with(other, second)),
      ),
      { numRuns: 1_000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), read), { numRuns: 500 });
  });
});

describe('a certificate that a signature is to introduce', () => {
  it.each<[string, OddParts]>([
    ['serial -1', { serial: integerOf(0xff) }],
    ['BOOLEAN of 1', { extensions: [critical(1)] }],
    ['extension twice', { extensions: [uriName('urn:a'), uriName('urn:b')] }],
    ['a time without seconds', { validity: [begin, utcTime('3001010000Z')] }],
    ['a broken alternative name', { extensions: [broken('2.5.29.17')] }],
  ])('is refused with %s', (_name, parts) => {
    expect(() => readCertificate(odd(parts))).toThrow(DerError);
  });

  it('has no common name in T61 or BMP', () => {
    expect(readCertificate(odd({ subject: cn(0x14, Buffer.from('dev-1')) })).commonName).toBeNull();
    expect(readCertificate(odd({ subject: cn(0x1e, Buffer.from('\0d')) })).commonName).toBeNull();
  });
});

describe('a subject as text', () => {
  const part = (id: string, text: string) => set(sequence(oid(id), utf8String(text)));
  const { name } = readAdopted(
    odd({ subject: sequence(part('2.5.4.10', 'Acme, Inc.'), part(oids.commonName, 'dev 1')) }),
  );

  it.each([
    'O=Acme, Inc.,CN=dev 1',
    'CN = dev 1, O = "Acme, Inc."',
    'subject=O = "Acme, Inc.", CN = dev 1',
    'CN=dev 1,O=Acme\\, Inc.',
    '/O=Acme, Inc./CN=dev 1',
    'dev 1',
  ])('is found as %s', (text) => {
    expect(subjectForms(name)).toContain(plainSubject(text));
  });

  it('is not found as another', () => {
    for (const text of ['CN=dev 2', 'CN=dev 1', '', 'Acme'])
      expect(subjectForms(name)).not.toContain(plainSubject(text));
    expect(subjectForms([])).toEqual([]);
  });
});
