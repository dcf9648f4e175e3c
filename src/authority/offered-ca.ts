// Is a certificate that came back from elsewhere the one of an issuing CA that was asked for? Every fault is named with its file.
import type { Fingerprint } from '../domain/certificate.ts';
import type { Instant } from '../domain/time.ts';
import { understood } from '../pki/chain.ts';
import { DerError } from '../pki/der-reader.ts';
import { signsLists } from '../pki/issued.ts';
import { requestName } from '../pki/oid-names.ts';
import { oids } from '../pki/oids.ts';
import { pemToDer } from '../pki/pem.ts';
import { importKey } from '../pki/public-key.ts';
import { signatureVerifies } from '../pki/signature.ts';
import { type CertificateFacts, fingerprintOf, readCertificate } from '../pki/x509.ts';
import type { GivenFile } from '../ports/issuing-cas.ts';

/** Certificates that are looked at, in all files together. */
const certificatesMax = 16;

export interface OfferedCa {
  readonly file: string;
  readonly der: Uint8Array;
  readonly facts: CertificateFacts;
}

/** What it has to fit. */
export interface WantedCa {
  readonly keyFingerprint: Fingerprint;
  readonly root: CertificateFacts;
  readonly rootDer: Uint8Array;
  /** DER of the Names that it may not have, with what has them. */
  readonly names: readonly { readonly name: Uint8Array; readonly of: string }[];
  readonly now: Instant;
}

function dersIn({ name, bytes }: GivenFile, faults: string[]): Uint8Array[] {
  const text = Buffer.from(bytes).toString('latin1');
  if (!text.includes('-----BEGIN')) return [bytes];
  const ders = pemToDer(text, 'CERTIFICATE');
  if (ders === null) faults.push(`${name}: is no PEM file of certificates alone`);
  return ders ?? [];
}

function readIn(file: GivenFile, faults: string[]): OfferedCa[] {
  return dersIn(file, faults).flatMap((der) => {
    try {
      return [{ file: file.name, der, facts: readCertificate(der) }];
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      faults.push(`${file.name}: is no X.509 certificate: ${error.message}`);
      return [];
    }
  });
}

/** The certificates in these files; every file that holds none is a fault. */
export function readOffered(files: readonly GivenFile[]): { readonly read: OfferedCa[]; readonly faults: string[] } {
  const faults: string[] = [];
  const read = files.flatMap((file) => readIn(file, faults));
  if (read.length > certificatesMax) faults.push(`${read.length} certificates are more than ${certificatesMax}`);
  return { read, faults };
}

const iso = (instant: Instant): string => new Date(instant).toISOString();
const isSame = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

type Rule = (facts: CertificateFacts, wanted: WantedCa) => string | null;

function isSignedBy({ signed, issuer }: CertificateFacts, root: CertificateFacts): boolean {
  const key = importKey(root.key);
  return isSame(issuer, root.subject) && key !== null && signatureVerifies(signed, key);
}

/** RFC 5280: 4.2.1.9, 4.2.1.3, 4.2.1.2, 4.2.1.12, 4.2, 4.1.2.5 and 6.1. */
const rules: readonly Rule[] = [
  (facts, { root }) => (isSignedBy(facts, root) ? null : 'is not signed by the root of this home'),
  ({ ca }) => (ca.is ? null : 'is no CA: basicConstraints says CA:FALSE, or is missing'),
  ({ ca }) => (!ca.is || ca.pathLength === 0 ? null : 'has no path length of 0 in basicConstraints'),
  ({ keyCertSign }) => (keyCertSign === true ? null : 'lacks keyCertSign in keyUsage'),
  ({ extensions }) => (signsLists(extensions) ? null : 'lacks cRLSign in keyUsage'),
  ({ subjectKeyId }) => (subjectKeyId ? null : 'has no subjectKeyIdentifier'),
  ({ purposes }) =>
    purposes === null || (purposes.includes(oids.clientAuth) && purposes.includes(oids.serverAuth))
      ? null
      : 'has an extendedKeyUsage without clientAuth and serverAuth',
  ({ extensions }) => {
    const unknown = [...extensions].find(([id, { critical }]) => critical && !understood.has(id));
    return unknown ? `has the critical extension ${requestName(unknown[0])}, which is unknown` : null;
  },
  ({ notBefore, notAfter }) => (notBefore < notAfter ? null : 'ends before it begins'),
  ({ notAfter }, { now }) => (notAfter > now ? null : `ended ${iso(notAfter)}`),
  ({ notAfter }, { root }) =>
    notAfter <= root.notAfter ? null : `ends ${iso(notAfter)}, after its root, which ends ${iso(root.notAfter)}`,
  ({ subject }, { names }) => {
    const taken = names.find(({ name }) => isSame(name, subject));
    return taken ? `has the name of ${taken.of}` : null;
  },
];

/**
 * Finds the certificate of the wanted key, in PEM or DER files in any order, and holds it against what it has to be. The root's own
 * certificate may come along; anything else may not.
 */
export function offeredCa(files: readonly GivenFile[], wanted: WantedCa): OfferedCa | { readonly faults: string[] } {
  const { read, faults } = readOffered(files);
  if (read.length > certificatesMax) return { faults };
  const offered = read.filter(({ der }) => !isSame(der, wanted.rootDer));
  const fitting = offered.filter(({ facts }) => facts.key.fingerprint === wanted.keyFingerprint);
  for (const { file, facts } of offered) {
    if (facts.key.fingerprint !== wanted.keyFingerprint)
      faults.push(`${file}: certifies another key than that of the request`);
  }
  const [found] = fitting;
  if (!found)
    return {
      faults: faults.length > 0 ? faults : [`${files.map(({ name }) => name).join(', ')}: the certificate is missing`],
    };
  for (const { file, der } of fitting.slice(1)) {
    if (fingerprintOf(der) !== fingerprintOf(found.der)) faults.push(`${file}: a second certificate of the same key`);
  }
  for (const rule of rules) {
    const fault = rule(found.facts, wanted);
    if (fault) faults.push(`${found.file}: ${fault}`);
  }
  return faults.length > 0 ? { faults } : found;
}
