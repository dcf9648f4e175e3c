// Roots of tests, part by part, so that each can be wrong in one place.
import { type KeyObject, randomBytes } from 'node:crypto';
import { nameOf } from '../../src/pki/certificate.ts';
import { contextTag, derTrue, encode, integer, sequence, smallInteger, time } from '../../src/pki/der.ts';
import { authorityKeyIdentifier, keyUsage, subjectKeyIdentifier } from '../../src/pki/extensions.ts';
import { oids } from '../../src/pki/oids.ts';
import { keyIdentifier } from '../../src/pki/public-key.ts';
import { seal, signerFor } from '../../src/pki/signature.ts';
import { anyExtension, day, ecKey, now, spkiOf } from './made.ts';

export interface Root {
  readonly name: string;
  readonly key: KeyObject;
  readonly der: Uint8Array;
}

interface Parts {
  readonly key?: KeyObject;
  readonly ca?: boolean;
  /** Null: none. */
  readonly pathLength?: number | null;
  readonly usages?: ('keyCertSign' | 'cRLSign')[];
  /** Whose name stands in it as its issuer. */
  readonly by?: Root;
  readonly signedWith?: KeyObject;
  readonly notBefore?: number;
  readonly notAfter?: number;
}

/** A self-signed certificate of twenty years, as a root has it; no two are the same. */
export function makeRoot(name: string, parts: Parts = {}): Root {
  const { key = ecKey(), ca = true, pathLength = null, usages = ['keyCertSign', 'cRLSign'] } = parts;
  const { notBefore = now, notAfter = now + 20 * 365 * day } = parts;
  const spki = spkiOf(key);
  const signer = signerFor(parts.signedWith ?? parts.by?.key ?? key);
  const length = pathLength === null ? [] : [smallInteger(pathLength)];
  const extensions = sequence(
    anyExtension(oids.basicConstraints, sequence(...(ca ? [derTrue, ...length] : []))),
    keyUsage(usages),
    subjectKeyIdentifier(keyIdentifier(spki)),
    authorityKeyIdentifier(keyIdentifier(spkiOf(parts.by?.key ?? key))),
  );
  const body = sequence(
    encode(contextTag(0, true), smallInteger(2)),
    integer(randomBytes(16)),
    signer.algorithm,
    nameOf(parts.by?.name ?? name),
    sequence(time(notBefore), time(notAfter)),
    nameOf(name),
    spki,
    encode(contextTag(3, true), extensions),
  );
  return { name, key, der: seal(body, signer) };
}
