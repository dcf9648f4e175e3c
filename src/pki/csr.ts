// Reads a PKCS#10 request (RFC 2986) that a stranger wrote: what it says, and whether its own key signed it. What may be
// granted is not decided here; what is not a request is returned as a refusal, never thrown.
import type { KeyObject } from 'node:crypto';
import type { Refusal } from '../domain/errors.ts';
import type { AlternativeName, KeyFacts, RequestFacts } from '../domain/request.ts';
import { contextTag, tags } from './der.ts';
import { type DerElement, DerError, DerReader, dotted, openDer, smallNumber, truth, within } from './der-reader.ts';
import { looseText } from './loose.ts';
import { attributeName, requestName } from './oid-names.ts';
import { oids } from './oids.ts';
import { type ListedExtension, listExtensions, type NameAttribute, readAlternativeNames, readName } from './parts.ts';
import { importKey, readKey, rsaBitsVerifiedMax } from './public-key.ts';
import { verifyRequest } from './request-signature.ts';
import { readSigned, type Signed } from './signature.ts';

export interface CsrLimits {
  /** Bytes of DER beyond which a request is refused unread. */
  readonly bytesMax: number;
}

/** An RSA 4096 request with every name a device could need is below 2 KiB. */
const csrLimits: CsrLimits = { bytesMax: 8_192 };

export type CsrRefusal = Refusal & { readonly code: 'malformed_csr' | 'csr_too_large' };

/** Version 1 is written as 0 (RFC 2986, 4.1). wolfSSL writes 2, others 1; nothing of the form differs. */
const versionMax = 2;

/** The attribute of PKCS #9, and the one that Microsoft used before. */
const extensionRequests: ReadonlySet<string> = new Set([oids.extensionRequest, '1.3.6.1.4.1.311.2.1.14']);

interface Wishes {
  /** One for each list of extensions: most requests have one, and nothing says that there are no more. */
  readonly lists: readonly (readonly ListedExtension[])[];
  /** OIDs of attributes that ask for nothing in the certificate: a challenge password, for one. */
  readonly others: readonly string[];
}

function readAttributes(reader: DerReader): Wishes {
  const lists: (readonly ListedExtension[])[] = [];
  const others: string[] = [];
  while (!reader.atEnd) {
    const attribute = reader.enter(tags.sequence);
    const type = dotted(attribute.next(tags.oid).content);
    if (!extensionRequests.has(type)) {
      others.push(type);
      continue;
    }
    const values = attribute.enter(tags.set);
    attribute.end();
    while (!values.atEnd) lists.push(listExtensions(values.enter(tags.sequence), 'loose'));
  }
  return { lists, others };
}

const isTrue = (constraints: Uint8Array): boolean =>
  within('extension basicConstraints', () => {
    const reader = openDer(constraints, tags.sequence, constraints.length);
    return reader.sees(tags.boolean) && truth(reader.any(), 'loose');
  });

function asksForCa(extensions: readonly ListedExtension[]): boolean {
  return extensions.some(({ id, value }) => id === oids.basicConstraints && isTrue(value));
}

/** RFC 5280, 4.2: an extension occurs once. Of those that grant nothing that is no matter; which of two lists of names counts, is. */
function namesIn(extensions: readonly ListedExtension[]): AlternativeName[] {
  const [names, again] = extensions.filter(({ id }) => id === oids.subjectAltName);
  if (again) throw new DerError('extension subjectAltName occurs twice in one list');
  return names ? within('extension subjectAltName', () => readAlternativeNames(names.value, 'strict')) : [];
}

/** What is listed of one sort: a record must not grow with what a device sends. */
const listedMax = 8;

function listed(sort: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const all = [...new Set(names)];
  const rest = all.length > listedMax ? ` and ${all.length - listedMax} more` : '';
  return [`${sort} ${all.slice(0, listedMax).join(', ')}${rest}`];
}

function ignoredOf(subject: readonly NameAttribute[], { lists, others }: Wishes, names: readonly AlternativeName[]) {
  const types = subject.map(({ type }) => type).filter((type) => type !== oids.commonName);
  const ids = lists.flat().map(({ id }) => id);
  // A URI that is the principal's stands in its certificate too.
  const extensions = ids.filter((id) => id !== oids.subjectAltName || names.some(({ type }) => type !== 'uri'));
  return [
    ...listed('subject', types.map(attributeName)),
    ...listed('extensions', extensions.map(requestName)),
    ...listed('attributes', others.map(requestName)),
  ];
}

/** The key, and for OpenSSL where a signature by it may be verified. One that OpenSSL does not take is no key: a point off its curve. */
function openKey(key: KeyFacts): { readonly key: KeyFacts; readonly imported: KeyObject | null } {
  if (key.algorithm === null || key.bits > rsaBitsVerifiedMax) return { key, imported: null };
  const imported = importKey(key);
  if (imported) return { key, imported };
  return {
    key: { ...key, algorithm: null, fault: `${key.algorithm} key that OpenSSL does not take` },
    imported,
  };
}

/** Of a subject, only common names say whom a request names. */
function decodeCommonName(value: DerElement, type: string): string {
  const text = type === oids.commonName ? looseText(value) : '';
  if (text === null) throw new DerError('a common name that is no text');
  return text;
}

function readInfo(csr: Uint8Array, signed: Signed): RequestFacts {
  const info = new DerReader(signed.body.content, 1);
  const version = within('version', () => smallNumber(info.next(tags.integer)));
  if (version > versionMax) throw new DerError(`version ${version}: 0 is usual`);
  const subject = within('subject', () => readName(info.enter(tags.sequence), decodeCommonName));
  const { key, imported } = openKey(within('key', () => readKey(info.next(tags.sequence).raw)));
  const nothing: Wishes = { lists: [], others: [] };
  const wishes = info.atEnd ? nothing : within('attributes', () => readAttributes(info.enter(contextTag(0, true))));
  within('after the attributes', () => info.end());
  const alternativeNames = wishes.lists.flatMap(namesIn);
  const verdict = imported && verifyRequest(signed, imported, key.spki);
  return {
    commonNames: subject.filter(({ type }) => type === oids.commonName).map(({ value }) => value ?? ''),
    alternativeNames,
    csr,
    asksForCa: wishes.lists.some(asksForCa),
    signatureValid: verdict === 'valid',
    ...(verdict !== null && verdict !== 'valid' && 'invalid' in verdict && { signatureFault: verdict.invalid }),
    refusedAlgorithm: verdict !== null && verdict !== 'valid' && 'refused' in verdict ? verdict.refused : null,
    ignored: ignoredOf(subject, wishes, alternativeNames),
    key,
  };
}

/**
 * Reads one DER-encoded request: exactly one, without trailing bytes. Its bytes are trusted by their signature and nothing of them is
 * used but the key, so what writers get wrong without a change of meaning is let pass. A signature by an algorithm that is not taken
 * has its name as `refusedAlgorithm`; a key of unknown type, curve or form has `algorithm: null` and is not verified at all.
 */
export function readCsr(der: Uint8Array, limits: CsrLimits = csrLimits): RequestFacts | CsrRefusal {
  if (der.length > limits.bytesMax) {
    return { code: 'csr_too_large', detail: `${der.length} bytes, at most ${limits.bytesMax} are read` };
  }
  try {
    // What is kept of the request must not change when the caller's buffer does.
    const kept = new Uint8Array(der);
    return readInfo(kept, readSigned(kept, limits.bytesMax));
  } catch (error) {
    if (error instanceof DerError) return { code: 'malformed_csr', detail: error.message };
    throw error;
  }
}
