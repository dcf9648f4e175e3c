import { describe, expect, it } from 'vitest';
import type { Serial } from '../../src/domain/certificate.ts';
import {
  type AlternativeName,
  type ApprovalInput,
  approve,
  ownRequest,
  type RequestFacts,
} from '../../src/domain/request.ts';
import { day, fingerprintB, idOf, noon } from './samples.ts';

const facts: RequestFacts = {
  ...ownRequest(idOf('pump-7'), {
    algorithm: 'ec-p256',
    bits: 0,
    fingerprint: fingerprintB,
    spki: new Uint8Array([1]),
  }),
  alternativeNames: [{ type: 'uri', value: 'urn:nolapse:device:pump-7' }],
};

function input(patch: Partial<RequestFacts> = {}, rest: Partial<ApprovalInput> = {}): ApprovalInput {
  return {
    facts: { ...facts, ...patch },
    principalId: idOf('pump-7'),
    kind: 'device',
    profile: {
      name: 'device',
      keys: ['ec-p256', 'rsa'],
      rsaBitsMin: 2_048,
      rsaBitsMax: 4_096,
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: ['clientAuth'],
    },
    serial: '01' as Serial,
    notBefore: noon,
    notAfter: noon + day,
    keyHolder: 'nobody',
    mode: 'csr',
    ...rest,
  };
}
const rsa = (bits: number) => ({ key: { ...facts.key, algorithm: 'rsa' as const, bits } });

describe('a request in the name of an id with colons', () => {
  const mac = idOf('00:1A:2b@x');
  const judge = (uri: string, commonName: string = mac) =>
    approve(input({ commonNames: [commonName], alternativeNames: [{ type: 'uri', value: uri }] }, { principalId: mac }))
      .kind;

  it.each(['urn:nolapse:device:00:1A:2b@x', 'urn:nolapse:device:00%3A1A%3A2b%40x'])('may name it as %s', (uri) => {
    expect(judge(uri)).toBe('approved');
  });

  it.each([
    'urn:nolapse:device:00:1A:2b',
    'urn:nolapse:device:00:1A:2b@x:c',
    'urn:nolapse:device:00_1A_2b_x',
    'urn:nolapse:gateway:00:1A:2b@x',
  ])('may not name %s', (uri) => {
    expect(judge(uri, mac)).toBe('refused');
    expect(judge('urn:nolapse:device:00:1A:2b@x', '00:1A:2b')).toBe('refused');
  });
});

describe('approval of a request', () => {
  it('approves what is its own, with names from the inventory', () => {
    const approval = approve(input({ commonNames: [], alternativeNames: [] }));
    expect(approval).toMatchObject({
      kind: 'approved',
      request: { principalId: 'pump-7', uri: 'urn:nolapse:device:pump-7', notAfter: noon + day, profile: 'device' },
    });
  });

  it.each([
    ['key_refused', { key: { ...facts.key, algorithm: null } }],
    ['key_refused', { key: { ...facts.key, algorithm: 'ed25519' as const } }],
    ['key_refused', rsa(1_024)],
    ['key_refused', rsa(8_192)],
    ['bad_signature', { signatureValid: false }],
    ['algorithm_refused', { signatureValid: false, refusedAlgorithm: 'sha1WithRSAEncryption' }],
    ['subject_mismatch', { commonNames: ['pump-8'] }],
    ['subject_mismatch', { commonNames: ['pump-7', 'pump-8'] }],
    ['subject_mismatch', { commonNames: [''] }],
    ['extension_refused', { asksForCa: true }],
  ])('refuses with %s: %j', (code, patch) => {
    expect(approve(input(patch))).toMatchObject({ kind: 'refused', code });
  });

  it.each([
    ['uri', 'urn:nolapse:device:pump-7', 'approved'],
    ['uri', 'pump-7', 'approved'],
    ['uri', 'urn:nolapse:device:pump-8', 'refused'],
    ['uri', 'urn:nolapse:gateway:pump-7', 'refused'],
    ['uri', 'urn:nolapse:device:pump-7 ', 'refused'],
    ['uri', 'https://pump-7/', 'refused'],
    ['dns', 'pump-7', 'approved'],
    ['dns', 'PUMP-7', 'approved'],
    ['dns', 'pump-7.', 'refused'],
    ['dns', '*', 'refused'],
    ['dns', 'pump-7.example', 'refused'],
    ['dns', '', 'refused'],
    ['email', 'pump-7', 'approved'],
    ['email', 'PUMP-7', 'refused'],
    ['email', 'pump-7@example.org', 'refused'],
    ['address', '10.0.0.7', 'refused'],
    ['other', 'pump-7', 'refused'],
  ] as const)('of an alternative name %s %j says %s', (type, value, kind) => {
    const names: AlternativeName[] = [
      { type: 'uri', value: 'urn:nolapse:device:pump-7' },
      { type, value },
    ];
    const approval = approve(input({ alternativeNames: names }));
    expect(approval).toMatchObject(kind === 'approved' ? { kind } : { kind, code: 'subject_mismatch' });
  });

  it('takes an address, where that is what the principal is called', () => {
    const names: AlternativeName[] = [{ type: 'address', value: '10.0.0.7' }];
    const own = { commonNames: ['10.0.0.7'], alternativeNames: names };
    expect(approve(input(own, { principalId: idOf('10.0.0.7') })).kind).toBe('approved');
  });

  it('names what is wrong with a key, and not the signature that could not be verified for it', () => {
    const key = { ...facts.key, algorithm: null, fault: 'RSA exponent 3: at least 65537 is needed' };
    expect(approve(input({ key, signatureValid: false }))).toMatchObject({ code: 'key_refused', detail: key.fault });
  });

  it('refuses keys that are taken', () => {
    expect(approve(input({}, { keyHolder: 'another' }))).toMatchObject({ code: 'key_in_use' });
    expect(approve(input({}, { keyHolder: 'itself' }))).toMatchObject({ code: 'key_reused' });
    expect(approve(input(rsa(2_048))).kind).toBe('approved');
  });
});
