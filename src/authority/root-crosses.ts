// The cross certificates of the home's roots: signed with the older root's key where that is here, or taken from where it is.

import { NolapseError } from '../domain/errors.ts';
import type { Cross } from '../domain/root-cross.ts';
import { objectToSigner } from '../domain/root-cross.ts';
import { understood } from '../pki/chain.ts';
import { crossBody } from '../pki/cross.ts';
import { bitString, sequence } from '../pki/der.ts';
import { DerError } from '../pki/der-reader.ts';
import { authorityKeyIdentifier } from '../pki/extensions.ts';
import { requestName } from '../pki/oid-names.ts';
import { oids } from '../pki/oids.ts';
import { pemToDer } from '../pki/pem.ts';
import { importKey } from '../pki/public-key.ts';
import { newSerial } from '../pki/serial.ts';
import { seal, signatureVerifies, signerFor, signingOf } from '../pki/signature.ts';
import { type CertificateFacts, readCertificate } from '../pki/x509.ts';
import type { Entropy } from '../ports/clock.ts';
import type { GivenFile } from '../ports/issuing-cas.ts';
import type { CrossRequest, MadeCross, RootCrosses } from '../ports/root-crosses.ts';
import { rootPair } from './files.ts';
import { readCertificates, readPair } from './key-pair.ts';

const certificateBytesMax = 4_096;
const iso = (instant: number): string => new Date(instant).toISOString();
const isSame = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

interface Between {
  readonly root: CertificateFacts;
  readonly signer: CertificateFacts;
  readonly now: number;
}

type Rule = (facts: CertificateFacts, between: Between) => string | null;

/** RFC 5280, 4.2 and 6.1; what differs from the root's own certificate makes stacks that look for it miss the chain. */
const rules: readonly Rule[] = [
  ({ subject }, { root }) => (isSame(subject, root.subject) ? null : 'has another name than the newer root'),
  ({ key }, { root }) =>
    key.fingerprint === root.key.fingerprint ? null : 'certifies another key than that of the newer root',
  (facts, { signer }) => {
    const key = importKey(signer.key);
    const isSigned = isSame(facts.issuer, signer.subject) && key !== null && signatureVerifies(facts.signed, key);
    return isSigned ? null : 'is not signed by the older root';
  },
  ({ ca }) => (ca.is ? null : 'is no CA: basicConstraints says CA:FALSE, or is missing'),
  ({ ca }) => (ca.is && ca.pathLength === 0 ? 'has a path length of 0: no issuing CA may follow below it' : null),
  ({ keyCertSign }) => (keyCertSign === true ? null : 'lacks keyCertSign in keyUsage'),
  ({ subjectKeyId }, { root }) =>
    subjectKeyId && root.subjectKeyId && isSame(subjectKeyId, root.subjectKeyId)
      ? null
      : 'has another subjectKeyIdentifier than the newer root: some TLS stacks find no chain then',
  ({ extensions }, { signer }) => {
    const found = extensions.get(oids.authorityKeyIdentifier);
    const wanted = signer.subjectKeyId && Buffer.from(authorityKeyIdentifier(signer.subjectKeyId));
    const isIts = found && wanted?.subarray(-found.value.length).equals(found.value);
    return isIts ? null : 'has an authorityKeyIdentifier that is not the key id of the older root alone';
  },
  ({ extensions }) => {
    const unknown = [...extensions].find(([id, { critical }]) => critical && !understood.has(id));
    return unknown ? `has the critical extension ${requestName(unknown[0])}, which is unknown` : null;
  },
  ({ notBefore }, { now }) => (notBefore <= now ? null : `begins ${iso(notBefore)}`),
  ({ notAfter }, { now }) => (notAfter > now ? null : `ended ${iso(notAfter)}`),
  ({ notAfter }, { root, signer }) => {
    const most = Math.min(root.notAfter, signer.notAfter);
    return notAfter <= most ? null : `ends ${iso(notAfter)}, after one of the two roots, which ends ${iso(most)}`;
  },
  (_facts, { signer }) => {
    const objection = objectToSigner(signer.ca.pathLength);
    return objection && `cannot be used: the older root ${objection}`;
  },
];

/** A signature as bytes, or in base64. */
function signatureIn(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1').replace(/\s/g, '');
  const isBase64 = text.length % 4 === 0 && /^[A-Za-z0-9+/]{16,}={0,2}$/.test(text);
  return isBase64 ? new Uint8Array(Buffer.from(text, 'base64')) : bytes;
}

function read(der: Uint8Array): CertificateFacts | string {
  try {
    return readCertificate(der);
  } catch (error) {
    if (error instanceof DerError) return error.message;
    throw error;
  }
}

export class RootCrossKeys implements RootCrosses {
  readonly #dir: string;
  readonly #passphrase: string | undefined;
  readonly #entropy: Entropy;

  constructor(dir: string, passphrase: string | undefined, entropy: Entropy) {
    this.#dir = dir;
    this.#passphrase = passphrase;
    this.#entropy = entropy;
  }

  pathLength(root: number): number | null {
    return this.#facts(root).ca.pathLength;
  }

  make(cross: Cross): MadeCross {
    const { key } = readPair(this.#dir, rootPair(cross.signer), this.#passphrase);
    return { ...cross, der: seal(this.#body(cross), signerFor(key)) };
  }

  request(cross: Cross): CrossRequest {
    const { root, signer } = cross;
    return { root, signer, body: this.#body(cross), digest: this.#signing(signer).digest };
  }

  take(
    files: readonly GivenFile[],
    asked: CrossRequest | null,
    { root, signer }: Pick<Cross, 'root' | 'signer'>,
    now: number,
  ): MadeCross | { readonly faults: readonly string[] } {
    const [file, ...others] = files;
    if (!file || others.length > 0)
      return { faults: [`${files.length} files were given: one cross certificate is taken`] };
    const der = this.#derIn(file, asked);
    if (typeof der === 'string') return { faults: [`${file.name}: ${der}`] };
    const facts = read(der);
    if (typeof facts === 'string') return { faults: [`${file.name}: is no X.509 certificate: ${facts}`] };
    const between = { root: this.#facts(root), signer: this.#facts(signer), now };
    const faults = rules.flatMap((rule) => rule(facts, between) ?? []);
    if (faults.length > 0) return { faults: faults.map((fault) => `${file.name}: ${fault}`) };
    return { root, signer, notBefore: facts.notBefore, notAfter: facts.notAfter, der };
  }

  #derIn({ bytes }: GivenFile, asked: CrossRequest | null): Uint8Array | string {
    const text = Buffer.from(bytes).toString('latin1');
    if (text.includes('-----BEGIN')) {
      const ders = pemToDer(text, 'CERTIFICATE') ?? [];
      return ders.length === 1 && ders[0] ? ders[0] : 'is no PEM file of one certificate';
    }
    if (bytes.length > certificateBytesMax) return `has more than ${certificateBytesMax} bytes`;
    if (typeof read(bytes) !== 'string') return bytes;
    if (asked === null) return 'is no certificate, and no signature was asked for: nolapse trust cross --request FILE';
    const signature = signatureIn(bytes);
    const { key, algorithm } = this.#signing(asked.signer);
    const body = { tag: 0x30, content: asked.body, raw: asked.body };
    const verifies = signature.length > 0 && signatureVerifies({ body, algorithm, signature }, key);
    return verifies
      ? sequence(asked.body, algorithm, bitString(signature))
      : 'is no certificate, and no signature of the older root over what was asked for';
  }

  #facts(root: number): CertificateFacts {
    return readCertificates(this.#dir, `${rootPair(root)}.crt`).facts;
  }

  #signing(signer: number) {
    const key = importKey(this.#facts(signer).key);
    if (!key) throw new NolapseError('unsupported_key', `the key of ${rootPair(signer)}.crt cannot be used`);
    return { key, ...signingOf(key) };
  }

  #body({ root, signer, notBefore, notAfter }: Cross): Uint8Array {
    const { subject: name, subjectKeyId } = this.#facts(signer);
    const keyId = subjectKeyId ?? new Uint8Array();
    const { algorithm } = this.#signing(signer);
    return crossBody(
      this.#facts(root),
      { name, keyId, algorithm },
      { serial: newSerial(this.#entropy), notBefore, notAfter },
    );
  }
}
