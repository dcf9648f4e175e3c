// The chain of a control: it looks as that of a root does, and nobody can trust it, because its root is thrown away. Made in memory, anew
// at each start, and never written.
import type { KeyObject } from 'node:crypto';
import { type Issuer, nameOf, signCa, signServer } from '../pki/certificate.ts';
import { derToPem } from '../pki/pem.ts';
import { keyIdentifier } from '../pki/public-key.ts';
import { newSerial } from '../pki/serial.ts';
import { signerFor } from '../pki/signature.ts';
import { hostNameOf } from './host-name.ts';
import { makeKey, spkiOf } from './key-pair.ts';
import { loadProfiles } from './profiles.ts';
import { ownValidity, type ServerOptions } from './server-certificate.ts';

/** A CA with a new key. Its name ends with the key's, as that of every CA made here. */
function caNamed(name: 'root' | 'issuing', key: KeyObject): { readonly commonName: string; readonly issuer: Issuer } {
  const keyId = keyIdentifier(spkiOf(key));
  const commonName = `nolapse ${name} ${Buffer.from(keyId.subarray(0, 4)).toString('hex')}`;
  return { commonName, issuer: { name: nameOf(commonName), keyId, signer: signerFor(key) } };
}

/**
 * Key and chain (PEM, leaf first) of a server with these names under a root that nobody holds. They last as long as an issuing CA does: a
 * client that looks at the dates alone is not to be stopped by them.
 */
export function makeControlChain({
  now,
  entropy,
  names,
  profiles = loadProfiles(),
}: Omit<ServerOptions, 'passphrase'>): {
  readonly key: string;
  readonly cert: string;
} {
  const { issuing: profile, server } = profiles;
  const validity = ownValidity(now, profile, Number.POSITIVE_INFINITY);
  const [caKey, key] = [makeKey(profile, null), makeKey(server, null)];
  const root = caNamed('root', makeKey(profiles.root, null));
  const issuing = caNamed('issuing', caKey);
  const serial = () => newSerial(entropy);
  const ca = signCa(
    {
      serial: serial(),
      commonName: issuing.commonName,
      ...validity,
      spki: spkiOf(caKey),
      usages: profile,
      pathLength: profile.pathLength,
    },
    root.issuer,
  );
  const hosts = names.map(hostNameOf);
  const leaf = signServer(
    { serial: serial(), commonName: 'nolapse server', ...validity, spki: spkiOf(key), usages: server, hosts },
    issuing.issuer,
  );
  return {
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: [leaf, ca].map((der) => derToPem(der, 'CERTIFICATE')).join(''),
  };
}
