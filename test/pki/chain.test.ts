import { type KeyObject, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CaBody, type Issuer, type LeafBody, nameOf, signCa, signLeaf } from '../../src/pki/certificate.ts';
import { introduce, issuersReadMax } from '../../src/pki/chain.ts';
import {
  bitString,
  contextTag,
  derNull,
  derTrue,
  encode,
  octetString,
  oid,
  sequence,
  smallInteger,
  time,
} from '../../src/pki/der.ts';
import { caConstraints } from '../../src/pki/extensions.ts';
import { oids } from '../../src/pki/oids.ts';
import { keyIdentifier } from '../../src/pki/public-key.ts';
import { newSerial, serialInteger } from '../../src/pki/serial.ts';
import { seal, signerFor } from '../../src/pki/signature.ts';
import { day, ecKey, entropy, locations, now, rsaKey, signedBy, spkiOf } from './made.ts';

interface Ca {
  readonly issuer: Issuer;
  readonly der: Uint8Array;
}

const caUsages = { keyUsage: ['keyCertSign', 'cRLSign'], extendedKeyUsage: [] } as const;
const clientUsages = { keyUsage: ['digitalSignature'], extendedKeyUsage: ['clientAuth'] } as const;

function makeCa(commonName: string, parent: Ca | null, changes: Partial<CaBody> = {}): Ca {
  const key = ecKey();
  const spki = spkiOf(key);
  const issuer: Issuer = { name: nameOf(commonName), keyId: keyIdentifier(spki), signer: signerFor(key) };
  const validity = { notBefore: now - day, notAfter: now + day };
  const body: CaBody = {
    serial: newSerial(entropy),
    commonName,
    ...validity,
    spki,
    usages: caUsages,
    pathLength: 3,
    ...changes,
  };
  return { issuer, der: signCa(body, parent?.issuer ?? issuer) };
}

function leaf(issuer: Issuer, changes: Partial<LeafBody> = {}): Uint8Array {
  const body: LeafBody = {
    serial: newSerial(entropy),
    commonName: 'dev-1',
    notBefore: now - day,
    notAfter: now + day,
    spki: spkiOf(ecKey()),
    usages: clientUsages,
    uri: 'urn:nolapse:device:dev-1',
    locations,
    ...changes,
  };
  return signLeaf(body, issuer);
}

const root = makeCa('root', null);
const middle = makeCa('middle', root, { pathLength: 0 });
const introduced = (
  der: Uint8Array,
  sent: readonly Uint8Array[] = [middle.der],
  anchors: readonly Uint8Array[] = [root.der],
) => introduce(der, sent, anchors, now).introduced;

describe('introduce', () => {
  it('follows signatures from the leaf to an anchor, and says who it is', () => {
    expect(introduce(leaf(middle.issuer), [middle.der], [root.der], now)).toEqual({
      introduced: true,
      commonName: 'dev-1',
      uris: ['urn:nolapse:device:dev-1'],
      notBefore: now - day,
      notAfter: now + day,
    });
    expect(introduced(leaf(root.issuer), [])).toBe(true);
    expect(introduced(leaf(middle.issuer), [], [middle.der])).toBe(true);
  });

  it('finds its way whatever else was sent, in whatever order', () => {
    const noise = [Buffer.from('noise'), makeCa('middle', null).der, root.der, leaf(middle.issuer)];
    expect(introduced(leaf(middle.issuer), [...noise, middle.der])).toBe(true);
  });

  it("reports the leaf's own time and leaves it to be judged", () => {
    const expired = leaf(middle.issuer, { notBefore: now - 9 * day, notAfter: now - 8 * day });
    expect(introduce(expired, [middle.der], [root.der], now)).toMatchObject({
      introduced: true,
      notAfter: now - 8 * day,
    });
  });

  it('refuses a forged expired certificate that names our issuer', () => {
    const forger: Issuer = { ...middle.issuer, signer: signerFor(ecKey()) };
    const forged = leaf(forger, { notBefore: now - 9 * day, notAfter: now - 8 * day });
    expect(new X509Certificate(forged).checkIssued(new X509Certificate(middle.der))).toBe(true);
    expect(introduced(forged)).toBe(false);
  });

  it('refuses a self-signed certificate and one of an unknown CA', () => {
    const key = ecKey();
    const self: Issuer = { name: nameOf('dev-1'), keyId: keyIdentifier(spkiOf(key)), signer: signerFor(key) };
    const der = leaf(self, { spki: spkiOf(key) });
    expect(introduced(der, [der])).toBe(false);
    const stranger = makeCa('root', null);
    expect(introduced(leaf(stranger.issuer), [stranger.der])).toBe(false);
    expect(introduced(leaf(middle.issuer), [middle.der], [])).toBe(false);
  });

  it('refuses an issuer that is no CA', () => {
    const key = ecKey();
    const device = leaf(middle.issuer, { commonName: 'dev-0', spki: spkiOf(key) });
    const issuer: Issuer = { name: nameOf('dev-0'), keyId: keyIdentifier(spkiOf(key)), signer: signerFor(key) };
    expect(introduced(leaf(issuer), [device, middle.der])).toBe(false);
    expect(introduced(leaf(issuer), [], [device])).toBe(false);
  });

  it('refuses a CA that may not sign certificates, or is not in its time', () => {
    const cases: Partial<CaBody>[] = [
      { usages: { keyUsage: ['cRLSign'], extendedKeyUsage: [] } },
      { notAfter: now },
      { notBefore: now + 1_000 },
    ];
    for (const changes of cases) {
      const bad = makeCa('bad', root, changes);
      expect(introduced(leaf(bad.issuer), [bad.der])).toBe(false);
      expect(introduced(leaf(bad.issuer), [], [bad.der])).toBe(false);
    }
  });

  it('holds CAs to their path length, and everyone to the depth', () => {
    const below = makeCa('below', middle);
    expect(introduced(leaf(below.issuer), [below.der, middle.der])).toBe(false);
    const path = [makeCa('ca-0', root)];
    for (let i = 1; i < 4; i += 1) path.push(makeCa(`ca-${i}`, path[i - 1] ?? null));
    const sent = path.map(({ der }) => der);
    expect(introduced(leaf(path[2]?.issuer ?? root.issuer), sent)).toBe(true);
    expect(introduced(leaf(path[3]?.issuer ?? root.issuer), sent)).toBe(false);
  });

  it('refuses a CA as a leaf, and a leaf for servers only', () => {
    expect(introduced(makeCa('ca', middle).der)).toBe(false);
    expect(introduced(leaf(middle.issuer, { usages: { ...clientUsages, keyUsage: ['keyCertSign'] } }))).toBe(false);
    expect(introduced(leaf(middle.issuer, { usages: { ...clientUsages, extendedKeyUsage: ['serverAuth'] } }))).toBe(
      false,
    );
  });

  it('reads no more of what was sent than its limit', () => {
    const noise = Array.from({ length: issuersReadMax }, () => root.der);
    expect(introduced(leaf(middle.issuer), [...noise, middle.der])).toBe(false);
  });
});

describe('introduce, with certificates our own writer does not make', () => {
  const seq = (...parts: Uint8Array[]) => sequence(...parts);
  function handmade(issuer: Issuer, extensions: Uint8Array[], spki = spkiOf(ecKey()), commonName = 'dev-1') {
    const validity = seq(time(now - day), time(now + day));
    const tail = extensions.length > 0 ? [encode(contextTag(3, true), seq(...extensions))] : [];
    const version = encode(contextTag(0, true), smallInteger(2));
    const { name, signer } = issuer;
    return seq(
      version,
      serialInteger(newSerial(entropy)),
      signer.algorithm,
      name,
      validity,
      nameOf(commonName),
      spki,
      ...tail,
    );
  }
  const extension = (id: string, critical: boolean) =>
    seq(oid(id), ...(critical ? [derTrue] : []), octetString(derNull));

  it('takes a leaf without extensions, and unknown extensions that are not critical', () => {
    const { issuer } = middle;
    expect(introduced(seal(handmade(issuer, []), issuer.signer))).toBe(true);
    expect(introduced(seal(handmade(issuer, [extension('1.2.3.4', false)]), issuer.signer))).toBe(true);
  });

  it('refuses critical extensions it does not understand, name constraints among them', () => {
    const { issuer } = middle;
    expect(introduced(seal(handmade(issuer, [extension('1.2.3.4', true)]), issuer.signer))).toBe(false);
    const key = ecKey();
    const constrained = handmade(
      root.issuer,
      [caConstraints(0), extension('2.5.29.30', true)],
      spkiOf(key),
      'constrained',
    );
    const own: Issuer = { name: nameOf('constrained'), keyId: new Uint8Array(20), signer: signerFor(key) };
    expect(introduced(leaf(own), [seal(constrained, root.issuer.signer)])).toBe(false);
  });

  it('refuses a signature of SHA-1, though it verifies', () => {
    const key = rsaKey(2_048);
    const ca = seal(handmade(root.issuer, [caConstraints(0)], spkiOf(key), 'legacy'), root.issuer.signer);
    const sha1WithRsa = seq(oid('1.2.840.113549.1.1.5'), derNull);
    const signer = { ...signerFor(key), algorithm: sha1WithRsa };
    const body = handmade({ name: nameOf('legacy'), keyId: new Uint8Array(20), signer }, []);
    const der = seq(body, sha1WithRsa, bitString(signedBy(key, 'sha1')(body)));
    expect(new X509Certificate(der).verify(new X509Certificate(ca).publicKey)).toBe(true);
    expect(introduced(der, [ca])).toBe(false);
    const modern = { name: nameOf('legacy'), keyId: new Uint8Array(20), signer: signerFor(key) };
    expect(introduced(seal(handmade(modern, []), modern.signer), [ca])).toBe(true);
  });

  it("reads the NULL that mbedTLS before 3.5 writes as ECDSA's parameters, in a leaf and in a CA", () => {
    const withNull = (own: KeyObject, name: string): Issuer => ({
      name: nameOf(name),
      keyId: new Uint8Array(20),
      signer: { ...signerFor(own), algorithm: seq(oid(oids.ecdsaWithSha256), derNull) },
    });
    const [rootKey, key] = [ecKey(), ecKey()];
    const [anchor, legacy] = [withNull(rootKey, 'old root'), withNull(key, 'legacy')];
    const anchorDer = seal(handmade(anchor, [caConstraints(1)], spkiOf(rootKey), 'old root'), anchor.signer);
    const ca = seal(handmade(anchor, [caConstraints(0)], spkiOf(key), 'legacy'), anchor.signer);
    const der = seal(handmade(legacy, []), legacy.signer);
    expect(introduced(der, [ca], [anchorDer])).toBe(true);
    const forged = seal(handmade(legacy, []), { ...legacy.signer, key: ecKey() });
    expect(introduced(forged, [ca], [anchorDer])).toBe(false);
    const strange = seal(handmade(legacy, [extension('1.2.3.4', true)]), legacy.signer);
    expect(introduced(strange, [ca], [anchorDer])).toBe(false);
  });

  it('refuses two algorithms in one certificate', () => {
    const { issuer } = middle;
    const other = { ...issuer, signer: { ...issuer.signer, algorithm: seq(oid(oids.ecdsaWithSha384)) } };
    expect(introduced(seal(handmade(other, []), issuer.signer))).toBe(false);
  });
});

describe('introduce, with hostile bytes', () => {
  const original = leaf(middle.issuer);

  it('introduces nobody and never throws', () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(bytes, fc.array(bytes, { maxLength: 3 }), fc.array(bytes, { maxLength: 3 }), (der, sent, anchors) => {
        expect(introduced(der, sent, anchors)).toBe(false);
        expect(introduced(original, [...sent, middle.der], [...anchors, root.der])).toBe(true);
      }),
    );
  });

  it('introduces no certificate of which a byte was changed', () => {
    fc.assert(
      fc.property(fc.nat(original.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        expect(introduced(original.with(at, (original[at] ?? 0) ^ flip))).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});
