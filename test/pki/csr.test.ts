import 'reflect-metadata';
import { createPublicKey, ECDH, generateKeyPairSync, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nameOf } from '../../src/pki/certificate.ts';
import { readCsr } from '../../src/pki/csr.ts';
import {
  bitString,
  derNull,
  encode,
  integer,
  oid,
  sequence,
  set,
  smallInteger,
  tags,
  utf8String,
} from '../../src/pki/der.ts';
import { DerReader } from '../../src/pki/der-reader.ts';
import { uriName } from '../../src/pki/extensions.ts';
import { fingerprintOf } from '../../src/pki/fingerprint.ts';
import { oids } from '../../src/pki/oids.ts';
import {
  anyExtension,
  assembleRequest,
  ecKey,
  extensionRequest,
  paddedDigest,
  type RequestParts,
  rsaKey,
  signedBy,
  spkiOf,
} from './made.ts';

const key = ecKey();
const valid = (parts: Partial<RequestParts> = {}) =>
  assembleRequest({ spki: spkiOf(key), signature: signedBy(key), ...parts });
const sha256WithRsa = sequence(oid(oids.sha256WithRsa), derNull);

function factsOf(der: Uint8Array) {
  const facts = readCsr(der);
  if ('code' in facts) throw new Error(facts.detail);
  return facts;
}

describe('readCsr', () => {
  it('reads a request that another implementation made', async () => {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' };
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const request = await x509.Pkcs10CertificateRequestGenerator.create({
      name: 'CN=dev-1, O=Somebody',
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.SubjectAlternativeNameExtension([
          { type: 'url', value: 'urn:nolapse:device:dev-1' },
          { type: 'dns', value: 'dev-1.example' },
        ]),
        new x509.BasicConstraintsExtension(true, 0, true),
      ],
    });
    const spki = new Uint8Array(await webcrypto.subtle.exportKey('spki', keys.publicKey));
    expect(factsOf(new Uint8Array(request.rawData))).toEqual({
      commonNames: ['dev-1'],
      alternativeNames: [
        { type: 'uri', value: 'urn:nolapse:device:dev-1' },
        { type: 'dns', value: 'dev-1.example' },
      ],
      asksForCa: true,
      csr: new Uint8Array(request.rawData),
      ignored: ['subject O', 'extensions subjectAltName, basicConstraints'],
      signatureValid: true,
      refusedAlgorithm: null,
      key: expect.objectContaining({ algorithm: 'ec-p384', bits: 0, spki }),
    });
  });

  it('reads a request that asks for no extensions, and one with a challenge password', () => {
    const nothing = { alternativeNames: [], asksForCa: false, signatureValid: true };
    expect(factsOf(valid({ attributes: [] }))).toMatchObject({ ...nothing, ignored: [] });
    expect(factsOf(valid({ attributes: [extensionRequest()] }))).toMatchObject({ ...nothing, ignored: [] });
    const password = sequence(oid('1.2.840.113549.1.9.7'), set(utf8String('secret')));
    const ignored = ['attributes challengePassword'];
    expect(factsOf(valid({ attributes: [password] }))).toMatchObject({ ...nothing, ignored });
  });

  it('reports every common name', () => {
    const two = sequence(...['dev-1', 'dev-2'].map((name) => set(sequence(oid(oids.commonName), utf8String(name)))));
    expect(factsOf(valid({ subject: two })).commonNames).toEqual(['dev-1', 'dev-2']);
    const oneSet = sequence(set(...['dev-1', 'dev-2'].map((name) => sequence(oid(oids.commonName), utf8String(name)))));
    expect(factsOf(valid({ subject: oneSet })).commonNames).toEqual(['dev-1', 'dev-2']);
  });

  it('does not depend on the buffer it was given', () => {
    const der = valid();
    const facts = factsOf(der);
    const before = Buffer.from(facts.key.spki).toString('hex');
    der.fill(0);
    expect(Buffer.from(facts.key.spki).toString('hex')).toBe(before);
  });

  it.each([
    ['no bytes', new Uint8Array()],
    ['text', Buffer.from('not a request')],
    ['trailing bytes', Buffer.concat([valid(), Buffer.of(0)])],
    ['another version', valid({ version: 3 })],
    ['a duplicate extension', valid({ attributes: [extensionRequest(uriName('urn:a'), uriName('urn:b'))] })],
    [
      'an empty alternative name',
      valid({ attributes: [extensionRequest(anyExtension(oids.subjectAltName, sequence()))] }),
    ],
    [
      'a common name in an outlandish type',
      valid({ subject: sequence(set(sequence(oid(oids.commonName), bitString(Buffer.from('a'))))) }),
    ],
    [
      'a common name that is not UTF-8',
      valid({ subject: sequence(set(sequence(oid(oids.commonName), encode(tags.utf8String, Uint8Array.of(0xff))))) }),
    ],
    ['an empty relative name', valid({ subject: sequence(set()) })],
    ['a key that is none', valid({ spki: sequence(derNull) })],
  ])('refuses %s as malformed', (_name, der) => {
    expect(readCsr(der)).toMatchObject({ code: 'malformed_csr' });
  });

  it('refuses 100 kB of attributes unread', () => {
    const attribute = sequence(oid('1.2.3'), set(utf8String('x'.repeat(1_000))));
    const der = valid({ attributes: Array.from({ length: 100 }, () => attribute) });
    expect(readCsr(der)).toMatchObject({ code: 'csr_too_large' });
    expect(readCsr(der, { bytesMax: 200_000 })).toMatchObject({ signatureValid: true });
  });
});

describe('the keys readCsr finds', () => {
  it.each([
    ['ec-p256', 0, ecKey('P-256'), sequence(oid(oids.ecdsaWithSha256)), 'sha256'],
    ['ec-p384', 0, ecKey('P-384'), sequence(oid(oids.ecdsaWithSha384)), 'sha384'],
    ['ed25519', 0, generateKeyPairSync('ed25519').privateKey, sequence(oid(oids.ed25519)), null],
    ['rsa', 2_048, rsaKey(2_048), sha256WithRsa, 'sha256'],
    ['rsa', 1_024, rsaKey(1_024), sha256WithRsa, 'sha256'],
  ] as const)('knows %s (%i) and verifies under it', (algorithm, bits, own, signature, digest) => {
    const der = assembleRequest({ spki: spkiOf(own), algorithm: signature, signature: signedBy(own, digest) });
    expect(factsOf(der)).toMatchObject({ signatureValid: true, key: { algorithm, bits } });
  });

  it.each(['secp256k1', 'P-521', 'brainpoolP256r1'])('names %s, which it does not take', (curve) => {
    const own = ecKey(curve);
    const name = own.asymmetricKeyDetails?.namedCurve;
    const der = assembleRequest({ spki: spkiOf(own), signature: signedBy(own) });
    expect(factsOf(der)).toMatchObject({ signatureValid: false, key: { algorithm: null, fault: `EC curve ${name}` } });
  });

  it.each([
    ['absent', new Uint8Array(), 'EC key without parameters'],
    ['NULL, for a curve that both ends know of', derNull, 'implied curve'],
    ['written out', sequence(smallInteger(1)), 'written out'],
    ['no parameters at all', utf8String('P-256'), 'parameters of tag 0xc'],
    ['of an unknown curve', oid('1.2.3.4'), 'EC curve 1.2.3.4, which is not known here'],
    ['more than a name', Buffer.concat([oid(oids.p256), derNull]), 'EC curve prime256v1 with something after'],
  ])('names what stands where a curve should be named: %s', (_name, parameters, fault) => {
    const point = Buffer.concat([Buffer.of(4), Buffer.alloc(64, 1)]);
    const spki = sequence(sequence(oid(oids.ecPublicKey), parameters), bitString(point));
    expect(factsOf(valid({ spki })).key).toMatchObject({ algorithm: null, fault: expect.stringContaining(fault) });
  });

  it('names parameters of an RSA key, and an Ed25519 key that is none', () => {
    const rsaWith = sequence(
      sequence(oid(oids.rsaEncryption), sequence()),
      bitString(sequence(integer(Buffer.of(9)), integer(Buffer.of(3)))),
    );
    expect(factsOf(valid({ spki: rsaWith })).key.fault).toBe('RSA key with parameters');
    const edwards = (octets: number, ...more: Uint8Array[]) =>
      sequence(sequence(oid(oids.ed25519), ...more), bitString(Buffer.alloc(octets, 1)));
    expect(factsOf(valid({ spki: edwards(32, derNull) })).key.fault).toBe('Ed25519 key with parameters');
    expect(factsOf(valid({ spki: edwards(31) })).key.fault).toBe('Ed25519 key of 31 octets: it has 32');
  });

  it('does not know a curve that is written out, even P-256', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' });
    const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
    expect(spki.length).toBeGreaterThan(200);
    const { key: read } = factsOf(assembleRequest({ spki, signature: signedBy(privateKey) }));
    expect(read).toMatchObject({ algorithm: null, fault: expect.stringContaining('written out') });
  });

  describe.each([
    ['P-256', 'prime256v1', 'sha256', oids.ecdsaWithSha256],
    ['P-384', 'secp384r1', 'sha384', oids.ecdsaWithSha384],
    ['P-521', 'secp521r1', 'sha512', oids.ecdsaWithSha512],
  ] as const)('on %s', (curve, name, digest, algorithm) => {
    const parts = (form: 'compressed' | 'hybrid') => {
      const own = ecKey(curve);
      const point = createPublicKey(own).export({ format: 'der', type: 'spki' });
      const octets = { 'P-256': 65, 'P-384': 97, 'P-521': 133 }[curve];
      const written = ECDH.convertKey(point.subarray(-octets), name, undefined, undefined, form) as Buffer;
      const head = new DerReader(point).enter(tags.sequence).any().raw;
      const spki = sequence(head, bitString(written));
      const der = assembleRequest({ spki, algorithm: sequence(oid(algorithm)), signature: signedBy(own, digest) });
      return { facts: factsOf(der), whole: new Uint8Array(point) };
    };

    it('knows a compressed point as the whole point that it is: one key has one fingerprint', () => {
      for (let i = 0; i < 8; i += 1) {
        const { facts, whole } = parts('compressed');
        expect(facts.key).toMatchObject({ spki: whole, fingerprint: fingerprintOf(whole) });
        expect(facts.signatureValid).toBe(curve !== 'P-521');
      }
    });

    it('refuses a point in hybrid form, under the fingerprint of its whole form', () => {
      const { facts, whole } = parts('hybrid');
      expect(facts.key).toMatchObject({ algorithm: null, fingerprint: fingerprintOf(whole) });
      expect(facts.key.fault).toContain('hybrid');
    });
  });

  it.each([
    ['a compressed point without a y', Buffer.concat([Buffer.of(2), Buffer.alloc(32, 0xff)])],
    ['a compressed point that is too short', Buffer.concat([Buffer.of(3), Buffer.alloc(31, 1)])],
    ['the point at infinity', Buffer.of(0)],
    ['no point at all', Buffer.alloc(0)],
    ['a hybrid point off the curve', Buffer.concat([Buffer.of(6), Buffer.alloc(64, 1)])],
  ])('is not taken in by %s', (_name, point) => {
    const spki = sequence(sequence(oid(oids.ecPublicKey), oid(oids.p256)), bitString(point));
    expect(factsOf(valid({ spki }))).toMatchObject({ signatureValid: false, key: { algorithm: null } });
  });

  it('does not verify under a point that is not on its curve', () => {
    const spki = Buffer.from(spkiOf(key));
    spki.writeUInt8(spki.readUInt8(90) ^ 1, 90);
    expect(factsOf(valid({ spki }))).toMatchObject({ signatureValid: false, key: { algorithm: null } });
  });

  const rsa = (modulus: Uint8Array, exponent: Uint8Array) =>
    sequence(sequence(oid(oids.rsaEncryption), derNull), bitString(sequence(integer(modulus), integer(exponent))));

  it('is not taken in by an RSA exponent of 1, under which anybody can sign', () => {
    const modulus = Buffer.alloc(256, 0xff);
    const forged = assembleRequest({
      spki: rsa(modulus, Uint8Array.of(1)),
      algorithm: sha256WithRsa,
      signature: (body) => paddedDigest(body, 256),
    });
    expect(factsOf(forged)).toMatchObject({ signatureValid: false, key: { algorithm: null, bits: 2_048 } });
  });

  it.each([
    ['exponent 65536 is even', Buffer.alloc(256, 0xff), Uint8Array.of(1, 0, 0)],
    ['exponent 3:', Buffer.alloc(256, 0xff), Uint8Array.of(3)],
    ['exponent 17:', Buffer.alloc(256, 0xff), Uint8Array.of(17)],
    ['exponent 1:', Buffer.alloc(256, 0xff), Uint8Array.of(1)],
    ['exponent 0 is even', Buffer.alloc(256, 0xff), Uint8Array.of(0)],
    ['exponent of 2040 bits', Buffer.alloc(256, 0xff), Buffer.alloc(255, 0xff)],
    ['modulus that is even', Buffer.concat([Buffer.alloc(255, 0xff), Buffer.of(0)]), Uint8Array.of(1, 0, 1)],
  ])('names an RSA %s', (fault, modulus, exponent) => {
    const der = assembleRequest({
      spki: rsa(modulus, exponent),
      algorithm: sha256WithRsa,
      signature: () => Buffer.alloc(256),
    });
    const { key: read } = factsOf(der);
    expect(read).toMatchObject({ algorithm: null, fault: expect.stringMatching(`^RSA ${fault}`) });
  });

  it('verifies nothing under a huge modulus, whose cost grows with its square', () => {
    const spki = rsa(Buffer.alloc(4_000, 0xff), Uint8Array.of(1, 0, 1));
    const der = assembleRequest({ spki, algorithm: sha256WithRsa, signature: () => Buffer.alloc(3_000) });
    const facts = factsOf(der);
    expect(facts).toMatchObject({ signatureValid: false, key: { algorithm: 'rsa', bits: 32_000 } });
    // What was verified says what is wrong with it.
    expect(facts).not.toHaveProperty('signatureFault');
  });
});

describe('the signature of a request', () => {
  it.each([
    ["is somebody else's", valid({ signature: signedBy(ecKey()) })],
    ['is over something else', valid({ signature: () => signedBy(key)(Buffer.from('else')) })],
    ['is empty', valid({ signature: () => new Uint8Array() })],
    ['is no signature', valid({ signature: () => Buffer.from('signature') })],
    ['is of an algorithm for another key', valid({ algorithm: sha256WithRsa })],
  ])('is not valid when it %s', (_name, der) => {
    const signatureFault = expect.stringContaining('the key in the request');
    expect(factsOf(der)).toMatchObject({ signatureValid: false, refusedAlgorithm: null, signatureFault });
  });

  // A device that is told of a bad signature signs the same way again.
  it.each([
    ['parameters it must not have', utf8String('')],
    ['two NULLs', Buffer.concat([derNull, derNull])],
    ['a NULL that holds something', encode(tags.null, Buffer.of(0))],
  ])('is of an algorithm that is not taken when that has %s', (_name, parameters) => {
    expect(factsOf(valid({ algorithm: sequence(oid(oids.ecdsaWithSha256), parameters) }))).toMatchObject({
      signatureValid: false,
      refusedAlgorithm: `signature algorithm ${oids.ecdsaWithSha256} with parameters`,
    });
  });
});

describe('the NULL that mbedTLS before 3.5 writes as the parameters of ECDSA', () => {
  it.each([
    ['SHA-256', oids.ecdsaWithSha256, 'sha256', 'P-256'],
    ['SHA-384', oids.ecdsaWithSha384, 'sha384', 'P-384'],
    ['SHA-512', oids.ecdsaWithSha512, 'sha512', 'P-256'],
  ] as const)('is read with %s', (_name, id, digest, curve) => {
    const own = ecKey(curve);
    const algorithm = sequence(oid(id), derNull);
    const signed = assembleRequest({ spki: spkiOf(own), algorithm, signature: signedBy(own, digest) });
    expect(factsOf(signed).signatureValid).toBe(true);
    const forged = assembleRequest({ spki: spkiOf(own), algorithm, signature: signedBy(ecKey(curve), digest) });
    expect(factsOf(forged).signatureValid).toBe(false);
  });
});

describe('hostile requests', () => {
  const original = valid();
  const facts = factsOf(original);

  it('get a refusal, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        expect(readCsr(bytes)).toMatchObject({ code: 'malformed_csr' });
      }),
      { numRuns: 2_000 },
    );
  });

  it('never carry a valid signature over another key or subject', () => {
    const place = fc.nat(original.length - 1);
    const mutation = fc.oneof(
      fc.record({ at: place, delete: fc.integer({ min: 1, max: 4 }), insert: fc.uint8Array({ maxLength: 4 }) }),
      fc.record({ at: place, delete: fc.constant(1), insert: fc.uint8Array({ minLength: 1, maxLength: 1 }) }),
      fc.record({ at: place, delete: fc.constant(10_000), insert: fc.constant(new Uint8Array()) }),
    );
    fc.assert(
      fc.property(mutation, (change) => {
        const mutated = Buffer.concat([
          original.subarray(0, change.at),
          change.insert,
          original.subarray(change.at + change.delete),
        ]);
        const result = readCsr(mutated);
        if ('code' in result || !result.signatureValid) return;
        expect(result.key.fingerprint).toBe(facts.key.fingerprint);
        expect(result.commonNames).toEqual(facts.commonNames);
        expect(result.alternativeNames).toEqual(facts.alternativeNames);
      }),
      { numRuns: 3_000 },
    );
  });

  it('are refused at every length they are cut to', () => {
    for (let length = 0; length < original.length; length += 1) {
      expect(readCsr(original.subarray(0, length))).toMatchObject({ code: 'malformed_csr' });
    }
  });

  it('may be of a well-formed shape with absurd parts', () => {
    const part = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ maxLength: 40 }).map((content) => sequence(content)),
      fc.constantFrom(nameOf('__proto__'), smallInteger(0), derNull),
    );
    fc.assert(
      fc.property(part, part, fc.array(part, { maxLength: 3 }), (subject, spki, attributes) => {
        const result = readCsr(valid({ subject, spki, attributes }));
        expect('code' in result ? result.code : 'read').toMatch(/^(malformed_csr|read)$/);
      }),
      { numRuns: 1_000 },
    );
  });
});
