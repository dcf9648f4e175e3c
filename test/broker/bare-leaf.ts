// A forger's certificate that says as little as it can: no extensions at all, so that nothing but the issuer's name has to fit.
import { generateKeyPairSync, sign } from 'node:crypto';
import { nameOf } from '../../src/pki/certificate.ts';
import { bitString, oid, sequence, smallInteger, time } from '../../src/pki/der.ts';
import { oids } from '../../src/pki/oids.ts';
import { derToPem } from '../../src/pki/pem.ts';
import { spkiOf } from '../pki/made.ts';
import type { Credentials } from '../scenarios/harness.ts';

export function bareLeaf(issuer: string, kind: 'ec' | 'ed25519', commonName = 'd1'): Credentials {
  const isEd = kind === 'ed25519';
  const key = isEd
    ? generateKeyPairSync('ed25519').privateKey
    : generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const algorithm = sequence(oid(isEd ? oids.ed25519 : oids.ecdsaWithSha256));
  const validity = sequence(time(Date.now() - 60_000), time(Date.now() + 3_600_000));
  // Without a version it is of the first, which has no extensions.
  const body = sequence(smallInteger(7), algorithm, nameOf(issuer), validity, nameOf(commonName), spkiOf(key));
  const signature = sign(isEd ? null : 'sha256', body, key);
  const der = sequence(body, algorithm, bitString(signature));
  const keyPem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { certificatePem: derToPem(der, 'CERTIFICATE'), keyPem };
}
