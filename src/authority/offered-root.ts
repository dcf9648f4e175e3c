// What came back from where a root was made: its certificate, and the one that it signed for the issuing CA here. Every fault is named
// with its file.
import type { Fingerprint } from '../domain/certificate.ts';
import type { Instant } from '../domain/time.ts';
import { stepRootBytesMax } from '../domain/trust-step.ts';
import { objectToRoot } from '../pki/trust-step.ts';
import type { CertificateFacts } from '../pki/x509.ts';
import type { GivenFile } from '../ports/issuing-cas.ts';
import { type OfferedCa, offeredCa, readOffered } from './offered-ca.ts';

export interface WantedRoot {
  /** Of the issuing CA's key, which is here. */
  readonly keyFingerprint: Fingerprint;
  readonly present: CertificateFacts;
  readonly now: Instant;
}

type Faults = { readonly faults: readonly string[] };

const iso = (instant: Instant): string => new Date(instant).toISOString();
const isSame = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;
const namesOf = (files: readonly GivenFile[]): string => files.map(({ name }) => name).join(', ');

type Rule = (offered: OfferedCa, wanted: WantedRoot) => string | null;

const rules: readonly Rule[] = [
  ({ der }) => {
    const objection = objectToRoot(der);
    return objection && `is no root: ${objection}`;
  },
  ({ facts }) =>
    facts.ca.is && facts.ca.pathLength !== null && facts.ca.pathLength > 0
      ? `has a path length of ${facts.ca.pathLength}: a new root has none, or most TLS stacks refuse what it signs for its successor`
      : null,
  ({ facts }) => (facts.subjectKeyId ? null : 'has no subjectKeyIdentifier'),
  ({ facts }) => (facts.notBefore < facts.notAfter ? null : 'ends before it begins'),
  ({ facts }, { now }) => (facts.notAfter > now ? null : `ended ${iso(facts.notAfter)}`),
  ({ facts }, { now }) => (facts.notBefore <= now ? null : `begins ${iso(facts.notBefore)}`),
  ({ facts }, { present }) =>
    facts.notAfter > present.notAfter
      ? null
      : `ends ${iso(facts.notAfter)}, no later than the present root, which ends ${iso(present.notAfter)}`,
  ({ facts }, { present }) =>
    facts.key.fingerprint === present.key.fingerprint ? 'has the key of the present root' : null,
  ({ facts }, { present }) => (isSame(facts.subject, present.subject) ? 'has the name of the present root' : null),
  ({ der }) =>
    der.length <= stepRootBytesMax ? null : `has ${der.length} bytes: a step has room for ${stepRootBytesMax}`,
];

/** Finds the root and the issuing CA's certificate, in PEM or DER files in any order, and holds them against what they have to be. */
export function offeredRoot(
  files: readonly GivenFile[],
  wanted: WantedRoot,
): { readonly root: OfferedCa; readonly issuing: OfferedCa } | Faults {
  const { read, faults } = readOffered(files);
  if (faults.length > 0) return { faults };
  const roots = read.filter(({ facts }) => facts.key.fingerprint !== wanted.keyFingerprint);
  const [root, ...others] = roots;
  if (!root) return { faults: [`${namesOf(files)}: the certificate of the root is missing`] };
  const second = others.find(({ der }) => !isSame(der, root.der));
  if (second) {
    return { faults: [`${second.file}: neither the root in ${root.file} nor the issuing CA that was asked for`] };
  }
  const objections = rules.flatMap((rule) => rule(root, wanted) ?? []);
  if (objections.length > 0) return { faults: objections.map((objection) => `${root.file}: ${objection}`) };
  const names = [
    { name: root.facts.subject, of: 'its root' },
    { name: wanted.present.subject, of: 'the present root' },
  ];
  const { keyFingerprint, now } = wanted;
  const issuing = offeredCa(files, { keyFingerprint, root: root.facts, rootDer: root.der, names, now });
  return 'faults' in issuing ? issuing : { root, issuing };
}
