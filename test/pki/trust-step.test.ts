// Steps signed by roots of every kind of key, and what is refused of them.
import { generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decodeStep, encodeStep, type SignedStep, stepText, type TrustStep } from '../../src/domain/trust-step.ts';
import { derToPem } from '../../src/pki/pem.ts';
import { objectToRoot, openStep, signStep, stepVerifies } from '../../src/pki/trust-step.ts';
import { fingerprintOf } from '../../src/pki/x509.ts';
import { ecKey, rsaKey } from './made.ts';
import { makeRoot } from './roots.ts';

const sequence = 1_800_000_000;
const keys: Record<string, () => KeyObject> = {
  'P-256': () => ecKey(),
  'P-384': () => ecKey('P-384'),
  'RSA 2048': () => rsaKey(2_048),
};
const next = makeRoot('root 2');

function opened(bytes: Uint8Array): SignedStep {
  const { ok, ...step } = openStep(bytes) as { ok: true } & SignedStep;
  expect(ok).toBe(true);
  return step;
}

const successorOf = (signer: Uint8Array): Extract<TrustStep, { kind: 'successor' }> => ({
  kind: 'successor',
  sequence,
  signer: fingerprintOf(signer),
  named: fingerprintOf(next.der),
  root: next.der,
});

describe.each(Object.keys(keys))('a step by a root with a key of type %s', (type) => {
  const root = makeRoot('root 1', { key: keys[type]?.() ?? ecKey() });
  const signer = fingerprintOf(root.der);

  it.each([
    successorOf(root.der),
    { kind: 'drop', sequence, signer },
    { kind: 'withdraw', sequence, signer },
  ] satisfies TrustStep[])('that is a $kind verifies under that root alone', (step) => {
    const read = opened(signStep(step, root.key));
    expect(read.step).toEqual(step);
    expect(stepVerifies(read, root.der)).toBe(true);
    expect(stepVerifies(read, next.der)).toBe(false);
    expect(stepVerifies(read, makeRoot('root 1', { key: root.key }).der)).toBe(false);
  });

  it('does not verify with another text, another key or a changed signature', () => {
    const read = opened(signStep(successorOf(root.der), root.key));
    const other = opened(signStep(successorOf(root.der), makeRoot('x').key));
    expect(stepVerifies({ ...read, step: { ...read.step, sequence: sequence + 1 } }, root.der)).toBe(false);
    expect(stepVerifies({ ...read, step: { kind: 'withdraw', sequence, signer } }, root.der)).toBe(false);
    expect(stepVerifies(other, root.der)).toBe(false);
    for (let at = 0; at < read.signature.length; at += 7) {
      const signature = Uint8Array.from(read.signature);
      signature[at] = (signature[at] ?? 0) ^ 1;
      expect(stepVerifies({ ...read, signature }, root.der)).toBe(false);
    }
  });

  it('is signed over SHA-256, as other tools verify it', () => {
    const read = opened(signStep(successorOf(root.der), root.key));
    const text = Buffer.from(stepText(read.step));
    expect(verify('sha256', text, derToPem(root.der, 'CERTIFICATE'), read.signature)).toBe(true);
  });
});

describe('a step', () => {
  it('is signed by no key that could not be verified', () => {
    for (const key of [
      generateKeyPairSync('x25519').privateKey,
      generateKeyPairSync('ec', { namedCurve: 'secp521r1' }).privateKey,
    ]) {
      expect(() => signStep(successorOf(makeRoot('root 1').der), key)).toThrow(/cannot sign a step with a key of type/);
    }
  });

  it('by an Ed25519 key signs the text itself', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const step: TrustStep = { kind: 'drop', sequence, signer: fingerprintOf(next.der) };
    const decoded = decodeStep(signStep(step, privateKey));
    if (!decoded.ok) throw new Error(decoded.fault);
    expect(verify(null, Buffer.from(stepText(step)), publicKey, decoded.signature)).toBe(true);
  });

  const root = makeRoot('root 1');
  const signature = Uint8Array.of(1);
  const withRoot = (der: Uint8Array): Uint8Array => {
    const signed = { ...successorOf(root.der), named: fingerprintOf(der), root: der };
    return encodeStep({ step: signed, signature });
  };

  it('is refused where its root is not the one it names', () => {
    const bytes = encodeStep({ step: { ...successorOf(root.der), root: makeRoot('root 3').der }, signature });
    expect(openStep(bytes)).toEqual({
      ok: false,
      fault: expect.stringContaining('another SHA-256 than the step names'),
    });
  });

  it.each([
    ['no certificate', Uint8Array.of(0x30, 0x00), /it is no certificate: /],
    ['no CA', makeRoot('r', { ca: false }).der, /CA:TRUE/],
    ['a CA that may not sign certificates', makeRoot('r', { usages: ['cRLSign'] }).der, /keyCertSign/],
    ['a root with path length 0', makeRoot('r', { pathLength: 0 }).der, /path length is 0/],
    ['a CA of another', makeRoot('r', { by: root }).der, /its issuer is another/],
    ['a root that another key signed', makeRoot('r', { signedWith: ecKey() }).der, /not by its own key/],
    ['a certificate with a byte more', Buffer.concat([next.der, Uint8Array.of(0)]), /it is no certificate: /],
  ])('is refused where what it brings is %s', (_, der, fault) => {
    expect(openStep(withRoot(new Uint8Array(der)))).toEqual({ ok: false, fault: expect.stringMatching(fault) });
    expect(objectToRoot(new Uint8Array(der))).toMatch(fault);
  });

  it('takes a root with a path length of 1 and one without', () => {
    expect(objectToRoot(makeRoot('r', { pathLength: 1 }).der)).toBeNull();
    expect(objectToRoot(makeRoot('r', { pathLength: null }).der)).toBeNull();
  });
});
