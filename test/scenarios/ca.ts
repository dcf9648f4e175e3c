// Certificate authorities of the tests' own, and certificates below them, as a maker of devices or a forger has them.
import type { KeyObject } from 'node:crypto';
import { type Issuer, nameOf, signCa, signLeaf } from '../../src/pki/certificate.ts';
import { derToPem } from '../../src/pki/pem.ts';
import { keyIdentifier } from '../../src/pki/public-key.ts';
import { newSerial } from '../../src/pki/serial.ts';
import { signerFor } from '../../src/pki/signature.ts';
import { day, ecKey, entropy, locations, spkiOf } from '../pki/made.ts';
import type { Credentials } from './harness.ts';

export interface Ca {
  readonly issuer: Issuer;
  readonly pem: string;
}

const pem = (der: Uint8Array): string => derToPem(der, 'CERTIFICATE');
const validity = () => ({ notBefore: Date.now() - day, notAfter: Date.now() + day });

/** @param parent null: it signs itself. */
export function makeCa(commonName: string, parent: Ca | null, key: KeyObject = ecKey()): Ca {
  const spki = spkiOf(key);
  const issuer: Issuer = { name: nameOf(commonName), keyId: keyIdentifier(spki), signer: signerFor(key) };
  const usages = { keyUsage: ['keyCertSign', 'cRLSign'], extendedKeyUsage: [] } as const;
  const body = { serial: newSerial(entropy), commonName, ...validity(), spki, usages, pathLength: 3 };
  return { issuer, pem: pem(signCa(body, parent?.issuer ?? issuer)) };
}

/** A device's certificate, alone, and its key. */
export function makeLeaf(commonName: string, issuer: Issuer): Credentials {
  const key = ecKey();
  const usages = { keyUsage: ['digitalSignature'], extendedKeyUsage: ['clientAuth'] } as const;
  const body = { serial: newSerial(entropy), commonName, ...validity(), spki: spkiOf(key), usages };
  const der = signLeaf({ ...body, uri: `urn:nolapse:device:${commonName}`, locations }, issuer);
  return { certificatePem: pem(der), keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** The same with these certificates sent above it. */
export function sentWith(leaf: Credentials, ...cas: readonly Ca[]): Credentials {
  return { ...leaf, certificatePem: [leaf.certificatePem, ...cas.map((each) => each.pem)].join('') };
}
