// The requests that pkijs, node-forge and @peculiar/x509 write.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import * as x509 from '@peculiar/x509';
import * as asn1 from 'asn1js';
import forge from 'node-forge';
import * as pkijs from 'pkijs';

const pem = (der) => {
  const lines = Buffer.from(der)
    .toString('base64')
    .match(/.{1,64}/g);
  return ['-----BEGIN CERTIFICATE REQUEST-----', ...lines, '-----END CERTIFICATE REQUEST-----', ''].join('\n');
};
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

pkijs.setEngine('node', new pkijs.CryptoEngine({ name: 'node', crypto: webcrypto }));
const plain = new pkijs.CertificationRequest();
const value = new asn1.Utf8String({ value: 'pump-1' });
plain.subject.typesAndValues.push(new pkijs.AttributeTypeAndValue({ type: '2.5.4.3', value }));
await plain.subjectPublicKeyInfo.importKey(keys.publicKey);
await plain.sign(keys.privateKey, 'SHA-256');
writeFileSync('pkijs.pem', pem(plain.toSchema().toBER(false)));

const made = await x509.Pkcs10CertificateRequestGenerator.create({
  name: 'CN=pump-1',
  keys,
  signingAlgorithm: algorithm,
});
writeFileSync('peculiar.pem', pem(made.rawData));

const pair = forge.pki.rsa.generateKeyPair(2048);
const old = forge.pki.createCertificationRequest();
old.publicKey = pair.publicKey;
old.setSubject([{ name: 'commonName', value: 'pump-1' }]);
old.sign(pair.privateKey);
writeFileSync('forge-sha1.pem', forge.pki.certificationRequestToPem(old));
old.sign(pair.privateKey, forge.md.md5.create());
writeFileSync('forge-md5.pem', forge.pki.certificationRequestToPem(old));
old.setAttributes([
  { name: 'challengePassword', value: 'secret' },
  { name: 'extensionRequest', extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'pump-1' }] }] },
]);
old.sign(pair.privateKey, forge.md.sha256.create());
writeFileSync('forge-sha256.pem', forge.pki.certificationRequestToPem(old));
