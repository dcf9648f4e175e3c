import { describe, expect, it } from 'vitest';
import type { Serial } from '../../src/domain/certificate.ts';
import { type ApprovalInput, approve, type RequestFacts } from '../../src/domain/request.ts';
import { day, fingerprintB, idOf, noon } from './samples.ts';

const facts: RequestFacts = {
  commonNames: ['pump-7'],
  otherSubjectAttributes: 0,
  uris: ['urn:nolapse:device:pump-7'],
  otherNames: 0,
  extensions: ['2.5.29.15'],
  signatureValid: true,
  key: { algorithm: 'ec-p256', bits: 0, fingerprint: fingerprintB, spki: new Uint8Array([1]) },
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

describe('approval of a request', () => {
  it('approves what is its own, with names from the inventory', () => {
    const approval = approve(input({ commonNames: [], uris: [] }));
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
    ['subject_mismatch', { commonNames: ['pump-8'] }],
    ['subject_mismatch', { commonNames: ['pump-7', 'pump-7'] }],
    ['subject_mismatch', { otherSubjectAttributes: 1 }],
    ['subject_mismatch', { uris: ['urn:nolapse:device:pump-8'] }],
    ['subject_mismatch', { uris: ['urn:nolapse:gateway:pump-7'] }],
    ['subject_mismatch', { otherNames: 1 }],
    ['extension_refused', { extensions: ['2.5.29.19'] }],
  ])('refuses with %s: %j', (code, patch) => {
    expect(approve(input(patch))).toMatchObject({ kind: 'refused', code });
  });

  it('refuses keys that are taken', () => {
    expect(approve(input({}, { keyHolder: 'another' }))).toMatchObject({ code: 'key_in_use' });
    expect(approve(input({}, { keyHolder: 'itself' }))).toMatchObject({ code: 'key_reused' });
    expect(approve(input(rsa(2_048))).kind).toBe('approved');
  });
});
