// What came back from where a root's key is: a root that was made there with the certificate that it signed for the issuing CA here, or
// the signature of the present root over the step that names the next. Every fault is named with its file.
import type { Fingerprint } from '../domain/certificate.ts';
import type { Instant } from '../domain/time.ts';
import {
  decodeStep,
  encodeStep,
  type SignedStep,
  stepRootBytesMax,
  stepSignatureBytesMax,
  type TrustStep,
} from '../domain/trust-step.ts';
import { objectToRoot, stepVerifies } from '../pki/trust-step.ts';
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

/** A signature as bytes, or in base64. */
function signatureIn(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1').replace(/\s/g, '');
  const isBase64 = text.length % 4 === 0 && /^[A-Za-z0-9+/]{16,}={0,2}$/.test(text);
  return isBase64 ? new Uint8Array(Buffer.from(text, 'base64')) : bytes;
}

function objectToStep({ step, signature }: SignedStep, wanted: TrustStep, present: Uint8Array): string | null {
  if (step.kind !== wanted.kind) return `is a step of kind ${step.kind}, and a ${wanted.kind} was asked for`;
  if (step.sequence !== wanted.sequence) {
    return `is a step with the sequence ${step.sequence}, and ${wanted.sequence} was asked for`;
  }
  if (step.signer !== wanted.signer) return `is a step of another root, SHA-256 ${step.signer}`;
  const named = step.kind === 'successor' && wanted.kind === 'successor' && step.named !== wanted.named;
  if (named) return `names another root, SHA-256 ${step.named}`;
  if (stepVerifies({ step: wanted, signature }, present)) return null;
  return `does not verify: it is no signature of the present root over the text with the sequence ${wanted.sequence}`;
}

/**
 * Finds the signature over this step: alone, as `openssl dgst -sha256 -sign` writes it or in base64, or in the step as devices fetch it.
 * @param present DER of the root that has to have signed.
 */
export function offeredStep(
  files: readonly GivenFile[],
  wanted: TrustStep,
  present: Uint8Array,
): { readonly step: Uint8Array } | Faults {
  const faults: string[] = [];
  const found: Uint8Array[] = [];
  for (const { name, bytes } of files) {
    const decoded = decodeStep(bytes);
    const signature = decoded.ok ? decoded.signature : signatureIn(bytes);
    if (!decoded.ok && (signature.length === 0 || signature.length > stepSignatureBytesMax)) {
      faults.push(`${name}: is no signature, and no step: ${decoded.fault}`);
      continue;
    }
    const offered = decoded.ok ? decoded : { step: wanted, signature };
    const objection = objectToStep(offered, wanted, present);
    if (objection === null) found.push(signature);
    else faults.push(`${name}: ${objection}`);
  }
  const [signature] = found;
  if (faults.length > 0 || !signature) return { faults };
  return { step: encodeStep({ step: wanted, signature }) };
}
