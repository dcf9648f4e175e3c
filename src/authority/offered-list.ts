// Is a revocation list that was made elsewhere good for one of the roots here? Every fault is named with its file.
import type { RevokedIssuing } from '../domain/root-list.ts';
import { type CrlFacts, crlOf, looksLikeCrl, readCrl } from '../pki/crl.ts';
import { DerError } from '../pki/der-reader.ts';
import { authorityKeyIdentifier } from '../pki/extensions.ts';
import { requestName } from '../pki/oid-names.ts';
import { oids } from '../pki/oids.ts';
import { pemToDer } from '../pki/pem.ts';
import { importKey } from '../pki/public-key.ts';
import { signatureVerifies, signingOf } from '../pki/signature.ts';
import type { CertificateFacts } from '../pki/x509.ts';
import type { GivenFile } from '../ports/issuing-cas.ts';
import type { ListedRoot, TakenList } from '../ports/root-lists.ts';

/** Bytes of a list: it names the issuing CAs of a root, of which there are few. */
export const listBytesMax = 32_768;
const signatureBytesMax = 1_024;

/** A root with its certificate, and the issuing CAs below it that a list may not name. */
export interface WantedList extends Omit<ListedRoot, 'inUse'> {
  readonly facts: CertificateFacts;
  readonly der: Uint8Array;
  readonly inUse: readonly Pick<RevokedIssuing, 'number' | 'serial'>[];
}

interface Offered {
  readonly facts: CrlFacts;
  readonly der: Uint8Array;
  readonly wanted: WantedList;
  readonly now: number;
}

const iso = (instant: number): string => new Date(instant).toISOString();
const isSame = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

type Rule = (offered: Offered) => string | null;

function objectToNumber({ facts, der, wanted }: Offered): string | null {
  if (!facts.extensions.has(oids.crlNumber)) return 'has no CRL number: with OpenSSL, set crlnumber and crl_extensions';
  if (wanted.kept === null || isSame(wanted.kept, der)) return null;
  const { number } = readCrl(wanted.kept, wanted.der);
  return facts.number > number
    ? null
    : `has the number ${facts.number}, and number ${number} of root ${wanted.root} is out: take a higher one`;
}

/** RFC 5280: 5.1.2.4, 5.1.2.5, 5.2, 5.2.1, 5.2.3. */
const rules: readonly Rule[] = [
  objectToNumber,
  ({ facts, now }) => (facts.thisUpdate <= now ? null : `begins ${iso(facts.thisUpdate)}: is the clock right?`),
  ({ facts, now }) => (facts.nextUpdate > now ? null : `ended ${iso(facts.nextUpdate)}`),
  ({ facts }) => {
    const [id] = [...facts.extensions].find(([, { critical }]) => critical) ?? [];
    return id === undefined
      ? null
      : `has the critical extension ${requestName(id)}: a root's list names all that it revoked`;
  },
  ({ facts, wanted }) => {
    const found = facts.extensions.get(oids.authorityKeyIdentifier);
    const { subjectKeyId } = wanted.facts;
    if (!found || !subjectKeyId) return null;
    // The value is the end of the extension as it is written here.
    const isIts = Buffer.from(authorityKeyIdentifier(subjectKeyId)).subarray(-found.value.length).equals(found.value);
    return isIts ? null : 'has an authorityKeyIdentifier that is not the key id of the root alone';
  },
  ({ facts, wanted }) => {
    const listed = new Set(facts.revoked.map(({ serial }) => serial));
    const missing = wanted.revoked.find(({ serial }) => !listed.has(serial));
    return missing ? `lacks issuing CA ${missing.number}, serial ${missing.serial}, which is revoked` : null;
  },
  ({ facts, wanted }) => {
    const listed = new Set(facts.revoked.map(({ serial }) => serial));
    const used = wanted.inUse.find(({ serial }) => listed.has(serial));
    return used ? `names issuing CA ${used.number}, serial ${used.serial}, which is in use here` : null;
  },
];

function judged(file: string, der: Uint8Array, roots: readonly WantedList[], now: number): TakenList | string[] {
  if (der.length > listBytesMax) return [`${file}: has more than ${listBytesMax} bytes`];
  const said: string[] = [];
  for (const wanted of roots) {
    try {
      const facts = readCrl(der, wanted.der);
      if (!facts.signatureValid) continue;
      const objections = rules.flatMap((rule) => rule({ facts, der, wanted, now }) ?? []);
      if (objections.length > 0) return objections.map((objection) => `${file}: ${objection}`);
      const { number, thisUpdate, nextUpdate, revoked } = facts;
      return { root: wanted.root, number, thisUpdate, nextUpdate, entries: revoked, der };
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
      said.push(error.message);
    }
  }
  const [fault] = said;
  return [
    fault === undefined
      ? `${file}: is a revocation list, and no root of this home has signed it`
      : `${file}: is no revocation list of version 2 with extensions: ${fault}`,
  ];
}

/** A signature as bytes, or in base64. */
function signatureIn(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1').replace(/\s/g, '');
  const isBase64 = text.length % 4 === 0 && /^[A-Za-z0-9+/]{16,}={0,2}$/.test(text);
  return isBase64 ? new Uint8Array(Buffer.from(text, 'base64')) : bytes;
}

/** The list that a signature makes of what was asked for; null: of none. */
function assembled(signature: Uint8Array, roots: readonly WantedList[]): Uint8Array | null {
  for (const { asked, facts } of roots) {
    const key = importKey(facts.key);
    if (asked === null || key === null) continue;
    const der = crlOf(asked.body, signingOf(key).algorithm, signature);
    const signed = { body: { tag: 0x30, content: asked.body, raw: asked.body }, algorithm: signingOf(key).algorithm };
    if (signatureVerifies({ ...signed, signature }, key)) return der;
  }
  return null;
}

function dersIn({ name, bytes }: GivenFile, roots: readonly WantedList[]): readonly Uint8Array[] | string {
  const text = Buffer.from(bytes).toString('latin1');
  if (text.includes('-----BEGIN'))
    return pemToDer(text, 'X509 CRL') ?? `${name}: is no PEM file of revocation lists alone`;
  if (looksLikeCrl(bytes)) return [bytes];
  const signature = signatureIn(bytes);
  const fits = signature.length > 0 && signature.length <= signatureBytesMax;
  const der = fits ? assembled(signature, roots) : null;
  if (der) return [der];
  const waits = roots.some(({ asked }) => asked !== null);
  return waits
    ? `${name}: is no revocation list, and no signature of a root over the list that was asked for`
    : `${name}: is no revocation list, and no list was asked for: nolapse trust crl root --request FILE`;
}

/** Finds the lists in these files, and holds each against its root. */
export function offeredLists(
  files: readonly GivenFile[],
  roots: readonly WantedList[],
  now: number,
): readonly TakenList[] | { readonly faults: readonly string[] } {
  const faults: string[] = [];
  const taken = new Map<number, TakenList>();
  for (const file of files) {
    const ders = dersIn(file, roots);
    if (typeof ders === 'string') faults.push(ders);
    else
      for (const der of ders) {
        const list = judged(file.name, der, roots, now);
        if ('root' in list && !taken.has(list.root)) taken.set(list.root, list);
        else if ('root' in list) faults.push(`${file.name}: is a second list of root ${list.root}`);
        else faults.push(...list);
      }
  }
  return faults.length > 0 ? { faults } : [...taken.values()];
}
