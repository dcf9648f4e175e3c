// Signatures by which a device shows that it holds a certificate's key, over certificates of every kind of key.
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initPki } from '../../src/authority/init.ts';
import { openLocalAuthority } from '../../src/authority/local.ts';
import { proofVerifies } from '../../src/pki/proof.ts';
import { approvedFor, day, ecKey, locations, now, rsaKey, serverOptions, spkiOf } from './made.ts';

const text = 'nolapse csr 0123456789abc 00ff';
const made = new Map<string, { key: KeyObject; der: Uint8Array }>();
const keys: Record<string, () => KeyObject> = {
  'P-256': () => ecKey(),
  'P-384': () => ecKey('P-384'),
  'RSA 2048': () => rsaKey(2_048),
  Ed25519: () => generateKeyPairSync('ed25519').privateKey,
};

function signature(name: string, over = text, digest: string | null = name === 'Ed25519' ? null : 'sha256'): Buffer {
  const key = made.get(name)?.key;
  if (!key) throw new Error(name);
  return sign(digest, Buffer.from(over), key);
}

const certificateOf = (name: string): Uint8Array => made.get(name)?.der ?? new Uint8Array();

const dir = mkdtempSync(join(tmpdir(), 'nolapse-proof-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
beforeAll(async () => {
  initPki(dir, serverOptions);
  const authority = openLocalAuthority(dir, { locations: () => locations });
  for (const [name, make] of Object.entries(keys)) {
    const key = make();
    const validity = { notBefore: now, notAfter: now + day };
    // The profile would not certify every one of them.
    const request = { ...approvedFor('dev-1', spkiOf(ecKey()), validity), spki: spkiOf(key) };
    made.set(name, { key, der: (await authority.issue(request)).certificate });
  }
});

describe.each(Object.keys(keys))('a proof by a key of type %s', (name) => {
  it('verifies under its certificate, over its text', () => {
    expect(proofVerifies(text, signature(name), certificateOf(name))).toBe(true);
  });

  it('does not verify over another text, by another key, or under another certificate', () => {
    expect(proofVerifies(`${text} `, signature(name), certificateOf(name))).toBe(false);
    expect(proofVerifies(text, signature(name, 'nolapse hello x'), certificateOf(name))).toBe(false);
    for (const other of Object.keys(keys).filter((each) => each !== name)) {
      expect(proofVerifies(text, signature(other), certificateOf(name))).toBe(false);
      expect(proofVerifies(text, signature(name), certificateOf(other))).toBe(false);
    }
  });

  it('does not verify when any of it is cut, longer or changed', () => {
    const whole = signature(name);
    expect(proofVerifies(text, whole.subarray(1), certificateOf(name))).toBe(false);
    expect(proofVerifies(text, whole.subarray(0, -1), certificateOf(name))).toBe(false);
    expect(proofVerifies(text, Buffer.concat([whole, Buffer.from([0])]), certificateOf(name))).toBe(false);
    const flip = fc.record({ at: fc.nat(whole.length - 1), bit: fc.nat(7) });
    fc.assert(
      fc.property(flip, ({ at, bit }) => {
        const changed = Uint8Array.from(whole);
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        expect(proofVerifies(text, changed, certificateOf(name))).toBe(false);
      }),
      { numRuns: 40 },
    );
  });
});

describe('what is no proof', () => {
  it('takes no digest but SHA-256', () => {
    for (const name of ['P-256', 'RSA 2048']) {
      for (const digest of ['sha1', 'sha384']) {
        expect(proofVerifies(text, signature(name, text, digest), certificateOf(name))).toBe(false);
      }
    }
  });

  it('is false, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (proof, certificate) => {
        expect(proofVerifies(text, proof, certificate)).toBe(false);
        for (const { der } of made.values()) expect(proofVerifies(text, proof, der)).toBe(false);
      }),
      { numRuns: 100 },
    );
    expect(proofVerifies(text, new Uint8Array(100_000), certificateOf('RSA 2048'))).toBe(false);
  });
});
