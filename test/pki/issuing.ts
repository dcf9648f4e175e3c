// An issuing CA's certificate as it is signed elsewhere: with the key of the root, from a PKCS#10 request; or wrongly, in one place.
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nameOf, signCa, signLeaf } from '../../src/pki/certificate.ts';
import { readCsr } from '../../src/pki/csr.ts';
import { pemToDer } from '../../src/pki/pem.ts';
import { keyIdentifier } from '../../src/pki/public-key.ts';
import { newSerial } from '../../src/pki/serial.ts';
import { signerFor } from '../../src/pki/signature.ts';
import { readCertificate } from '../../src/pki/x509.ts';
import { day, ecKey, entropy, spkiOf } from './made.ts';

type CaBody = Parameters<typeof signCa>[0];

/** The root of a PKI's folder as an issuer. */
function rootIn(dir: string) {
  const [der] = pemToDer(readFileSync(join(dir, 'root.crt'), 'utf8'), 'CERTIFICATE') ?? [];
  if (!der) throw new Error('there is no root');
  const { subject, subjectKeyId } = readCertificate(der);
  const key = createPrivateKey(readFileSync(join(dir, 'root.key')));
  return { name: subject, keyId: subjectKeyId ?? new Uint8Array(), signer: signerFor(key) };
}

/** Somebody else's root. */
function strangeRoot() {
  const key = ecKey();
  return { name: nameOf('Another Root'), keyId: keyIdentifier(spkiOf(key)), signer: signerFor(key) };
}

/** DER. @param request DER in base64. @param change of what is signed. */
export function signedByRoot(
  dir: string,
  request: string,
  change: Partial<CaBody> & { readonly strange?: boolean; readonly leaf?: boolean } = {},
): Uint8Array {
  const read = readCsr(new Uint8Array(Buffer.from(request, 'base64')));
  if (!('key' in read)) throw new Error(`it cannot be read: ${JSON.stringify(read)}`);
  const { strange, leaf, ...body } = change;
  const now = Math.floor(Date.now() / 1_000) * 1_000;
  const all: CaBody = {
    serial: newSerial(entropy),
    commonName: `elsewhere ${now} ${Math.random()}`,
    notBefore: now - day,
    notAfter: now + 6 * 365 * day,
    spki: read.key.spki,
    usages: { keyUsage: ['keyCertSign', 'cRLSign'], extendedKeyUsage: [] },
    pathLength: 0,
    ...body,
  };
  const issuer = strange ? strangeRoot() : rootIn(dir);
  if (!leaf) return signCa(all, issuer);
  return signLeaf({ ...all, uri: 'urn:x', locations: { crlUrl: 'http://x', caIssuersUrl: 'http://x' } }, issuer);
}
