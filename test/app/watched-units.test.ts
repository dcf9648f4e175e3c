// No key is made, and no signature made or verified, within a unit of work. Every test that opens the application watches for it
// (test/units.setup.ts); here is shown that the watching sees all of src.
import {
  createECDH,
  createSign,
  createVerify,
  diffieHellman,
  generateKey,
  generateKeyPair,
  generateKeyPairSync,
  generateKeySync,
  type KeyObject,
  sign,
  verify,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isSignedBy } from '../../src/pki/chain.ts';
import { readCsr } from '../../src/pki/csr.ts';
import { newEnvelopedKey } from '../../src/pki/envelope.ts';
import { makeCsr } from '../../src/pki/own-request.ts';
import { proofVerifies } from '../../src/pki/proof.ts';
import { takeInside, watched, watchedSoFar } from '../fakes/watched-units.ts';
import { newRequest, openHouse } from '../scenarios/harness.ts';
import { type Assembled, assembled } from './assembled.ts';

let parts: Assembled;
beforeEach(async () => {
  parts = await assembled({ throughStore: watched });
});
afterEach(() => parts.close());

const curve = { namedCurve: 'P-256' } as const;
const pair = generateKeyPairSync('ec', curve);
const text = Buffer.from('a text');
const signature = sign('sha256', text, pair.privateKey);
const ecdsa = { name: 'ECDSA', hash: 'SHA-256' } as const;
const webPair = webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
const csr = makeCsr('d1', pair.privateKey);

const root = (): Uint8Array => parts.app.served.root;
const issuerKey = (): KeyObject => new X509Certificate(root()).publicKey;

const nodes: readonly [string, () => unknown][] = [
  ['generateKeyPairSync', () => generateKeyPairSync('ec', curve)],
  ['generateKeyPair', () => promisify(generateKeyPair)('ec', curve)],
  ['generateKeySync', () => generateKeySync('hmac', { length: 64 })],
  ['generateKey', () => promisify(generateKey)('hmac', { length: 64 })],
  ['createECDH', () => createECDH('prime256v1').generateKeys()],
  ['diffieHellman', () => diffieHellman(pair)],
  ['sign', () => sign('sha256', text, pair.privateKey)],
  ['verify', () => verify('sha256', text, pair.publicKey, signature)],
  ['createSign', () => createSign('sha256').update(text).sign(pair.privateKey)],
  ['createVerify', () => createVerify('sha256').update(text).verify(pair.publicKey, signature)],
  ['X509Certificate.verify', () => new X509Certificate(root()).verify(issuerKey())],
  ['subtle.generateKey', () => webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign'])],
  ['subtle.sign', async () => webcrypto.subtle.sign(ecdsa, (await webPair).privateKey, text)],
  ['subtle.verify', async () => webcrypto.subtle.verify(ecdsa, (await webPair).publicKey, signature, text)],
];

const ours: readonly [string, () => unknown][] = [
  ['makeCsr', () => makeCsr('d1', pair.privateKey)],
  ['readCsr', () => readCsr(csr, { bytesMax: 4_096 })],
  ['newEnvelopedKey', () => newEnvelopedKey(root())],
  ['proofVerifies', () => proofVerifies('a text', signature, root())],
  ['isSignedBy', () => isSignedBy(root(), root())],
];

describe('a unit of work', () => {
  it.each(nodes)('is caught calling %s of Node', async (name, call) => {
    let called: unknown;
    // Not waited for in the unit: the store refuses that too.
    await parts.app.store.transact(async () => {
      called = call();
    });
    await called;
    expect(takeInside().map((line) => line.split(' ')[0])).toContain(name);
  });

  it.each(ours)('is caught calling %s of src', async (name, call) => {
    await parts.app.store.transact(async (tx) => {
      await tx.counts();
      await call();
    });
    expect(takeInside().join('\n')).toContain(` at ${name} (`);
  });

  it('is caught where what it calls hides its failure, and where the unit is undone', async () => {
    const undone = parts.app.store.transact(async () => {
      proofVerifies('a text', signature, root());
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(takeInside()).toHaveLength(1);
  });

  it('is not blamed for what others sign and verify in the meantime', async () => {
    const { units, outside } = watchedSoFar();
    await Promise.all([
      parts.app.store.transact(async (tx) => void (await tx.counts())),
      Promise.resolve().then(() => makeCsr('d1', pair.privateKey)),
      newRequest('d1'),
    ]);
    expect(watchedSoFar().units).toBe(units + 1);
    expect(watchedSoFar().outside.get('sign')).toBeGreaterThan(outside.get('sign') ?? 0);
  });
});

it('watches the whole broker that scenarios run on', async () => {
  const house = await openHouse();
  try {
    const before = watchedSoFar();
    await house.device('pump-1');
    const after = watchedSoFar();
    expect(after.units).toBeGreaterThan(before.units);
    for (const name of ['generateKeyPair', 'sign']) {
      expect(after.outside.get(name)).toBeGreaterThan(before.outside.get(name) ?? 0);
    }
  } finally {
    await house.close();
  }
});
