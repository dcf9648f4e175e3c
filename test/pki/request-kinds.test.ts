// Each way in which a request may differ from the plain one, held against its approval: what is ignored, what is refused, and by which
// code. A kind of input in each row; the device is dev-1.
import { constants, type KeyObject, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Serial } from '../../src/domain/certificate.ts';
import type { PrincipalId } from '../../src/domain/principal.ts';
import { approve } from '../../src/domain/request.ts';
import { nameOf } from '../../src/pki/certificate.ts';
import { readCsr } from '../../src/pki/csr.ts';
import {
  asciiString,
  bitString,
  contextTag,
  derNull,
  derTrue,
  encode,
  octetString,
  oid,
  sequence,
  set,
  smallInteger,
  tags,
  utf8String,
} from '../../src/pki/der.ts';
import { caConstraints, leafConstraints, uriName } from '../../src/pki/extensions.ts';
import { oids } from '../../src/pki/oids.ts';
import {
  assembleRequest,
  day,
  ecKey,
  extensionRequest,
  now,
  type RequestParts,
  rsaKey,
  signedBy,
  spkiOf,
} from './made.ts';

const key = ecKey();
const rsa = rsaKey(2_048);
const ec = (parts: Partial<RequestParts> = {}) =>
  assembleRequest({ spki: spkiOf(key), attributes: [], signature: signedBy(key), ...parts });
const withRsa = (
  algorithm: Uint8Array,
  digest: string | null,
  options: { padding?: number; saltLength?: number } = {},
) =>
  assembleRequest({
    spki: spkiOf(rsa),
    attributes: [],
    algorithm,
    signature: (body) => sign(digest, body, { key: rsa, ...options }),
  });

function outcomeOf(der: Uint8Array, id = 'dev-1') {
  const facts = readCsr(der);
  if ('code' in facts) return { code: facts.code, detail: facts.detail, ignored: '' };
  const approval = approve({
    facts,
    principalId: id as PrincipalId,
    kind: 'device',
    profile: {
      name: 'device',
      keys: ['ec-p256', 'ec-p384', 'rsa'],
      rsaBitsMin: 2_048,
      rsaBitsMax: 4_096,
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: ['clientAuth'],
    },
    serial: '01' as Serial,
    notBefore: now,
    notAfter: now + day,
    keyHolder: 'nobody',
    mode: 'csr',
  });
  const { code, detail } = approval.kind === 'refused' ? approval : { code: 'approved', detail: '' };
  return { code, detail, ignored: facts.ignored.join('; ') };
}

const extension = (id: string, value: Uint8Array, critical: boolean | number = false) => {
  const flag =
    typeof critical === 'number' ? [encode(tags.boolean, Uint8Array.of(critical))] : critical ? [derTrue] : [];
  return sequence(oid(id), ...flag, octetString(value));
};
/** Made of a UUID (X.667): one arc of 128 bits. */
const uuid = '2.25.329800735698586629295641978511506172918';
const asking = (...extensions: Uint8Array[]) => ec({ attributes: [extensionRequest(...extensions)] });
const san = (...names: Uint8Array[]) => asking(extension(oids.subjectAltName, sequence(...names)));
const attribute = (id: string, ...values: Uint8Array[]) => sequence(oid(id), set(...values));
const bitsOf = (octet: number) => bitString(Uint8Array.of(octet), 0);
const cn = (value: Uint8Array) => set(sequence(oid(oids.commonName), value));
const named = (type: string, value: string) => set(sequence(oid(type), utf8String(value)));
const email = (text: string) => asciiString(text, contextTag(1, false));
const dns = (text: string) => asciiString(text, contextTag(2, false));
const uri = (text: string) => asciiString(text, contextTag(6, false));
const address = (...octets: number[]) => encode(contextTag(7, false), Uint8Array.from(octets));
const otherName = encode(contextTag(0, true), oid('1.3.6.1.5.5.7.8.4'), encode(contextTag(0, true), utf8String('x')));
const directoryName = encode(contextTag(4, true), nameOf('dev-1'));

describe('a requested extension that grants nothing', () => {
  const kinds: readonly (readonly [string, string, Uint8Array])[] = [
    ['subjectKeyIdentifier', '2.5.29.14', octetString(Buffer.alloc(20, 7))],
    ['keyUsage', '2.5.29.15', bitsOf(0x80)],
    ['keyUsage', '2.5.29.15', bitsOf(0x06)],
    ['extendedKeyUsage', '2.5.29.37', sequence(oid(oids.serverAuth))],
    ['extendedKeyUsage', '2.5.29.37', sequence(oid('2.5.29.37.0'))],
    ['basicConstraints', '2.5.29.19', sequence()],
    ['basicConstraints', '2.5.29.19', sequence(encode(tags.boolean, Uint8Array.of(0)))],
    ['netscapeCertType', '2.16.840.1.113730.1.1', bitsOf(0x80)],
    ['netscapeComment', '2.16.840.1.113730.1.13', asciiString('made by a factory')],
    ['microsoftTemplateName', '1.3.6.1.4.1.311.20.2', encode(0x1e, Buffer.from('\0D'))],
    ['microsoftTemplate', '1.3.6.1.4.1.311.21.7', sequence(oid('1.2.3'), smallInteger(1))],
    ['microsoftApplicationPolicies', '1.3.6.1.4.1.311.21.10', sequence(sequence(oid(oids.clientAuth)))],
    ['certificatePolicies', '2.5.29.32', sequence(sequence(oid('1.2.3')))],
    ['tlsFeature', '1.3.6.1.5.5.7.1.24', sequence(smallInteger(5))],
    ['cRLDistributionPoints', '2.5.29.31', sequence()],
    ['authorityInfoAccess', '1.3.6.1.5.5.7.1.1', sequence()],
    ['authorityKeyIdentifier', '2.5.29.35', sequence()],
    ['issuerAltName', '2.5.29.18', sequence(dns('elsewhere'))],
    ['nameConstraints', '2.5.29.30', sequence()],
    ['subjectDirectoryAttributes', '2.5.29.9', sequence()],
    ['2.23.133.8.1', '2.23.133.8.1', sequence(derNull)],
    ['1.2.3.4.5', '1.2.3.4.5', Buffer.from('not even DER')],
    ['1.2.3.4.6', '1.2.3.4.6', new Uint8Array()],
  ];
  it.each(kinds)('is ignored and told: %s, %s', (name, id, value) => {
    for (const critical of [false, true, 0, 1, 0xff]) {
      expect(outcomeOf(asking(extension(id, value, critical)))).toEqual({
        code: 'approved',
        detail: '',
        ignored: `extensions ${name}`,
      });
    }
  });

  it('is told in a line of bounded length, however many there are', () => {
    const many = Array.from({ length: 60 }, (_, at) => extension(`1.2.3.4.${at}`, derNull));
    const { code, ignored } = outcomeOf(asking(...many));
    expect(code).toBe('approved');
    expect(ignored).toContain('and 52 more');
    expect(ignored.length).toBeLessThan(200);
  });
});

describe('a request to be a CA', () => {
  it.each([
    ['CA:TRUE', asking(caConstraints(0))],
    ['CA:TRUE behind CA:FALSE in one list', asking(leafConstraints, caConstraints(0))],
    ['CA:TRUE before CA:FALSE in one list', asking(caConstraints(0), leafConstraints)],
    ['CA:TRUE as BER writes it', asking(extension('2.5.29.19', sequence(encode(tags.boolean, Uint8Array.of(1)))))],
    [
      'CA:TRUE in the second of two lists',
      ec({ attributes: [extensionRequest(leafConstraints), extensionRequest(caConstraints(0))] }),
    ],
    [
      'CA:TRUE in the second value of one attribute',
      ec({ attributes: [attribute(oids.extensionRequest, sequence(leafConstraints), sequence(caConstraints(0)))] }),
    ],
    [
      "CA:TRUE in Microsoft's attribute",
      ec({ attributes: [attribute('1.3.6.1.4.1.311.2.1.14', sequence(caConstraints(0)))] }),
    ],
  ])('is refused: %s', (_name, der) => {
    expect(outcomeOf(der)).toMatchObject({ code: 'extension_refused', detail: expect.stringContaining('CA:TRUE') });
  });
});

describe('a name in a request', () => {
  it.each([
    ['the URI of the principal', san(uri('urn:nolapse:device:dev-1')), 'approved'],
    ['its id as a DNS name', san(dns('dev-1')), 'approved'],
    ['its id as a DNS name in capitals', san(dns('DEV-1')), 'approved'],
    ['its id in every type there is', san(dns('dev-1'), email('dev-1'), uri('dev-1')), 'approved'],
    ['another DNS name', san(dns('dev-2')), 'subject_mismatch'],
    ['its id and another DNS name', san(dns('dev-1'), dns('dev-1.example')), 'subject_mismatch'],
    ['a wildcard', san(dns('*')), 'subject_mismatch'],
    ['an e-mail address', san(email('dev-1@example.org')), 'subject_mismatch'],
    ['another URI', san(uri('urn:nolapse:device:dev-2')), 'subject_mismatch'],
    ['the URI of another kind', san(uri('urn:nolapse:gateway:dev-1')), 'subject_mismatch'],
    ['a web address', san(uri('https://dev-1.example/')), 'subject_mismatch'],
    ['an address', san(address(10, 0, 0, 7)), 'subject_mismatch'],
    ['an address of IPv6', san(address(...Buffer.alloc(16, 1))), 'subject_mismatch'],
    ['a hardware module', san(otherName), 'subject_mismatch'],
    ['a directory name', san(directoryName), 'subject_mismatch'],
    [
      'another name in a second list',
      ec({
        attributes: [
          extensionRequest(uriName('urn:nolapse:device:dev-1')),
          extensionRequest(uriName('urn:nolapse:device:dev-2')),
        ],
      }),
      'subject_mismatch',
    ],
    [
      "another name in Microsoft's attribute",
      ec({
        attributes: [
          attribute('1.3.6.1.4.1.311.2.1.14', sequence(extension(oids.subjectAltName, sequence(dns('dev-2'))))),
        ],
      }),
      'subject_mismatch',
    ],
    ['no subject at all', ec({ subject: sequence() }), 'approved'],
    ['two equal common names', ec({ subject: sequence(cn(utf8String('dev-1')), cn(utf8String('dev-1'))) }), 'approved'],
    [
      'a second common name',
      ec({ subject: sequence(cn(utf8String('dev-1')), cn(utf8String('dev-2'))) }),
      'subject_mismatch',
    ],
    ['an empty common name', ec({ subject: nameOf('') }), 'subject_mismatch'],
    ['a common name with a NUL', ec({ subject: nameOf('dev-1\0.example') }), 'subject_mismatch'],
    ['a common name with a blank', ec({ subject: nameOf('dev-1 ') }), 'subject_mismatch'],
    ['a common name in capitals', ec({ subject: nameOf('DEV-1') }), 'subject_mismatch'],
  ])('%s', (_name, der, code) => {
    expect(outcomeOf(der).code).toBe(code);
  });

  it.each([
    ['UTF8String', encode(0x0c, Buffer.from('dev-1'))],
    ['PrintableString', encode(0x13, Buffer.from('dev-1'))],
    ['IA5String', encode(0x16, Buffer.from('dev-1'))],
    ['T61String', encode(0x14, Buffer.from('dev-1'))],
    ['VisibleString', encode(0x1a, Buffer.from('dev-1'))],
    ['BMPString', encode(0x1e, Buffer.from('dev-1', 'utf16le').swap16())],
    ['UniversalString', encode(0x1c, Buffer.from([...'dev-1'].flatMap((each) => [0, 0, 0, each.charCodeAt(0)])))],
  ])('is read from a %s', (_type, value) => {
    expect(outcomeOf(ec({ subject: sequence(cn(value)) })).code).toBe('approved');
    expect(outcomeOf(ec({ subject: sequence(cn(value)) }), 'dev-2').code).toBe('subject_mismatch');
  });

  it.each([
    ['BMPString of an odd length', encode(0x1e, Buffer.from('abc'))],
    ['UniversalString beyond Unicode', encode(0x1c, Buffer.alloc(4, 0xff))],
    ['UTF8String that is not UTF-8', encode(0x0c, Uint8Array.of(0xff))],
    ['OCTET STRING', octetString(Buffer.from('dev-1'))],
  ])('is malformed in a %s', (_type, value) => {
    expect(outcomeOf(ec({ subject: sequence(cn(value)) })).code).toBe('malformed_csr');
  });

  it('may have any attributes beside it', () => {
    const subject = sequence(
      named('2.5.4.6', 'CH'),
      named('2.5.4.10', 'Acme'),
      named('2.5.4.11', 'Pumps'),
      named('2.5.4.5', 'SN-17'),
      set(sequence(oid('1.2.840.113549.1.9.1'), asciiString('a@example.org'))),
      set(sequence(oid('1.2.3.4'), encode(0x14, Uint8Array.of(0xff)))),
      cn(utf8String('dev-1')),
    );
    expect(outcomeOf(ec({ subject }))).toEqual({
      code: 'approved',
      detail: '',
      ignored: 'subject C, O, OU, serialNumber, emailAddress, 1.2.3.4',
    });
  });
});

describe('the form of a request', () => {
  const body = (version: number, ...rest: Uint8Array[]) => {
    const info = sequence(smallInteger(version), nameOf('dev-1'), spkiOf(key), ...rest);
    return sequence(info, sequence(oid(oids.ecdsaWithSha256)), bitString(signedBy(key)(info)));
  };
  const noAttributes = encode(contextTag(0, true));
  const unknown = extension('1.2.3.4', derNull);
  const ownName = uriName('urn:nolapse:device:dev-1');
  const password = attribute('1.2.840.113549.1.9.7', utf8String('secret'));
  it.each([
    ['attributes that are absent', body(0), 'approved'],
    ['attributes that are empty', body(0, noAttributes), 'approved'],
    ['version 2 of X.509', body(1, noAttributes), 'approved'],
    ['version 3 of X.509', body(2, noAttributes), 'approved'],
    ['version 3 and no attributes', body(2), 'approved'],
    ['a later version', body(3, noAttributes), 'malformed_csr'],
    ['a request for extensions without a list', ec({ attributes: [attribute(oids.extensionRequest)] }), 'approved'],
    ['a list of no extensions', ec({ attributes: [extensionRequest()] }), 'approved'],
    [
      'two lists',
      ec({ attributes: [extensionRequest(leafConstraints), extensionRequest(leafConstraints)] }),
      'approved',
    ],
    ['a challenge password', ec({ attributes: [attribute('1.2.840.113549.1.9.7', utf8String('secret'))] }), 'approved'],
    [
      'an attribute of any content',
      ec({ attributes: [sequence(oid('1.2.3'), Uint8Array.of(5, 0), Uint8Array.of(5, 0))] }),
      'approved',
    ],
    ['something after the attributes', body(0, noAttributes, derNull), 'malformed_csr'],
    ['trailing bytes', Buffer.concat([ec(), Buffer.of(0)]), 'malformed_csr'],
    ['an extension twice in one list that grants nothing', asking(leafConstraints, leafConstraints), 'approved'],
    ['an unknown extension twice in one list', asking(unknown, unknown), 'approved'],
    ['an attribute twice', ec({ attributes: [password, password] }), 'approved'],
    ['names twice in one list', asking(ownName, ownName), 'malformed_csr'],
    ['an attribute below a UUID', ec({ attributes: [attribute(uuid, derNull)] }), 'approved'],
    ['an extension below a UUID', asking(extension(uuid, derNull, true)), 'approved'],
    ['a subject with an attribute below a UUID', ec({ subject: sequence(named(uuid, 'x')) }), 'approved'],
    ['constraints that cannot be read', asking(extension('2.5.29.19', Buffer.from('no DER'))), 'malformed_csr'],
    ['a length of more octets than it needs', lengthened(ec()), 'malformed_csr'],
  ])('%s: %s', (_name, der, code) => {
    expect(outcomeOf(der).code).toBe(code);
  });

  it('is not read beyond its bounds', () => {
    expect(outcomeOf(ec({ attributes: [attribute('1.2.3', octetString(Buffer.alloc(9_000)))] })).code).toBe(
      'csr_too_large',
    );
    let nested: Uint8Array = derNull;
    for (let i = 0; i < 2_000; i += 1) nested = sequence(nested);
    expect(outcomeOf(ec({ spki: nested.subarray(0, 8_000) })).code).toBe('malformed_csr');
  });
});

function lengthened(der: Uint8Array): Uint8Array {
  // 0x30 0x81/0x82 len: one octet more, and a zero before the length.
  const octets = (der[1] ?? 0) & 0x7f;
  const head = Uint8Array.of(der[0] ?? 0, 0x80 | (octets + 1), 0, ...der.subarray(2, 2 + octets));
  return Buffer.concat([head, der.subarray(2 + octets)]);
}

const sha2 = { sha224: 4, sha256: 1, sha384: 2, sha512: 3, 'sha512-224': 5, 'sha512-256': 6 } as const;
const sha3 = { 'sha3-224': 7, 'sha3-256': 8, 'sha3-384': 9, 'sha3-512': 10 } as const;
const digestOids = Object.entries({ ...sha2, ...sha3 }).map(
  ([name, at]) => [name, `2.16.840.1.101.3.4.2.${at}`] as const,
);
const mask = (digest: Uint8Array) => encode(contextTag(1, true), sequence(oid('1.2.840.113549.1.1.8'), digest));
const pss = (...parameters: Uint8Array[]) => sequence(oid('1.2.840.113549.1.1.10'), ...parameters);
const field = (tag: number, value: Uint8Array) => encode(contextTag(tag, true), value);

describe('a signature over a request', () => {
  it.each([
    ['1.2.840.10045.4.3.1', 'sha224'],
    ['1.2.840.10045.4.3.2', 'sha256'],
    ['1.2.840.10045.4.3.3', 'sha384'],
    ['1.2.840.10045.4.3.4', 'sha512'],
    ['2.16.840.1.101.3.4.3.9', 'sha3-224'],
    ['2.16.840.1.101.3.4.3.10', 'sha3-256'],
    ['2.16.840.1.101.3.4.3.11', 'sha3-384'],
    ['2.16.840.1.101.3.4.3.12', 'sha3-512'],
  ])('verifies by ECDSA %s (%s), with parameters or without', (id, digest) => {
    for (const parameters of [[], [derNull]]) {
      const algorithm = sequence(oid(id), ...parameters);
      expect(outcomeOf(ec({ algorithm, signature: signedBy(key, digest) })).code).toBe('approved');
      expect(outcomeOf(ec({ algorithm, signature: signedBy(ecKey(), digest) })).code).toBe('bad_signature');
    }
  });

  it.each([
    ['1.2.840.113549.1.1.14', 'sha224'],
    ['1.2.840.113549.1.1.11', 'sha256'],
    ['1.2.840.113549.1.1.12', 'sha384'],
    ['1.2.840.113549.1.1.13', 'sha512'],
    ['1.2.840.113549.1.1.15', 'sha512-224'],
    ['1.2.840.113549.1.1.16', 'sha512-256'],
    ['2.16.840.1.101.3.4.3.13', 'sha3-224'],
    ['2.16.840.1.101.3.4.3.14', 'sha3-256'],
    ['2.16.840.1.101.3.4.3.15', 'sha3-384'],
    ['2.16.840.1.101.3.4.3.16', 'sha3-512'],
  ])('verifies by RSA %s (%s), with parameters or without', (id, digest) => {
    for (const parameters of [[], [derNull]]) {
      expect(outcomeOf(withRsa(sequence(oid(id), ...parameters), digest)).code).toBe('approved');
      expect(outcomeOf(withRsa(sequence(oid(id), ...parameters), 'sha1')).code).toBe('bad_signature');
    }
  });

  describe('by RSASSA-PSS', () => {
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    const parametersFor = (id: string, salt: number, nulls: boolean) => {
      const digest = sequence(oid(id), ...(nulls ? [derNull] : []));
      return pss(sequence(field(0, digest), mask(digest), field(2, smallInteger(salt))));
    };

    it.each(digestOids)('verifies with %s, of every salt, with NULLs or without', (name, id) => {
      for (const [salt, nulls] of [
        [32, true],
        [0, false],
        [20, true],
        [190, false],
      ] as const) {
        const algorithm = parametersFor(id, salt, nulls);
        expect(outcomeOf(withRsa(algorithm, name, { padding, saltLength: salt })).code).toBe('approved');
        expect(outcomeOf(withRsa(algorithm, name)).code).toBe('bad_signature');
      }
    });

    it('holds the salt to what the parameters say', () => {
      const algorithm = parametersFor(digestOids[1]?.[1] ?? '', 32, true);
      expect(outcomeOf(withRsa(algorithm, 'sha256', { padding, saltLength: 20 })).code).toBe('bad_signature');
    });

    it.each([
      ['no parameters', pss()],
      ['empty parameters', pss(sequence())],
      ['SHA-1 that is written out', pss(sequence(field(0, sequence(oid('1.3.14.3.2.26'), derNull))))],
      ['MD5', pss(sequence(field(0, sequence(oid('1.2.840.113549.2.5')))))],
    ])('is refused with %s', (_name, algorithm) => {
      expect(outcomeOf(withRsa(algorithm, 'sha1', { padding, saltLength: 20 })).code).toBe('algorithm_refused');
    });

    it.each([
      ['another trailer', pss(sequence(field(0, sequence(oid('2.16.840.1.101.3.4.2.1'))), field(3, smallInteger(2))))],
      [
        'another mask',
        pss(sequence(field(0, sequence(oid('2.16.840.1.101.3.4.2.1'))), field(1, sequence(oid('1.2.3'), derNull)))),
      ],
    ])('is told to be of an algorithm that is not taken with %s', (_name, algorithm) => {
      expect(outcomeOf(withRsa(algorithm, 'sha256', { padding, saltLength: 20 })).code).toBe('algorithm_refused');
    });

    it('is malformed with parameters that are none', () => {
      expect(outcomeOf(withRsa(pss(derNull), 'sha256', { padding, saltLength: 20 }))).toMatchObject({
        code: 'malformed_csr',
        detail: expect.stringMatching(/^signature algorithm: /),
      });
    });

    it.each([
      [
        'a salt beyond all bounds',
        pss(sequence(field(0, sequence(oid('2.16.840.1.101.3.4.2.1'))), field(2, smallInteger(2 ** 46)))),
      ],
    ])('does not verify with %s', (_name, algorithm) => {
      expect(outcomeOf(withRsa(algorithm, 'sha256', { padding, saltLength: 20 })).code).toBe('bad_signature');
    });

    it('does not verify under a key on a curve', () => {
      const algorithm = parametersFor('2.16.840.1.101.3.4.2.1', 32, true);
      expect(outcomeOf(ec({ algorithm })).code).toBe('bad_signature');
    });
  });

  it.each([
    ['sha1WithRSAEncryption', withRsa(sequence(oid('1.2.840.113549.1.1.5'), derNull), 'sha1')],
    ['md5WithRSAEncryption', withRsa(sequence(oid('1.2.840.113549.1.1.4'), derNull), 'md5')],
    ['md2WithRSAEncryption', withRsa(sequence(oid('1.2.840.113549.1.1.2'), derNull), 'sha256')],
    ['ecdsa-with-SHA1', ec({ algorithm: sequence(oid('1.2.840.10045.4.1')), signature: signedBy(key, 'sha1') })],
    ['signature algorithm 1.2.3.4', ec({ algorithm: sequence(oid('1.2.3.4')) })],
  ])('is told to be of an algorithm that is not taken: %s', (detail, der) => {
    expect(outcomeOf(der)).toMatchObject({ code: 'algorithm_refused', detail });
  });

  it.each<[string, KeyObject, string]>([
    ['a weak RSA key', rsaKey(1_024), 'RSA 1024'],
    ['a curve that is not taken', ecKey('secp256k1'), 'EC curve secp256k1'],
  ])('is of no interest with %s', (_name, own, detail) => {
    const der = assembleRequest({ spki: spkiOf(own), algorithm: sequence(oid('1.2.3.4')), signature: signedBy(own) });
    expect(outcomeOf(der)).toMatchObject({ code: 'key_refused', detail: expect.stringContaining(detail) });
  });
});
