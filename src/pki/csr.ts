// Reads a PKCS#10 request (RFC 2986) that a stranger wrote: what it says, and whether its own key signed it. What may be
// granted is not decided here; what is not a request is returned as a refusal, never thrown.
import type { Refusal } from '../domain/errors.ts';
import type { KeyFacts, RequestFacts } from '../domain/request.ts';
import { contextTag, tags } from './der.ts';
import { DerError, DerReader, dotted, smallNumber } from './der-reader.ts';
import { oids } from './oids.ts';
import { type Extensions, readAlternativeNames, readExtensions, readName } from './parts.ts';
import { importKey, readKey, rsaBitsVerifiedMax } from './public-key.ts';
import { readSigned, type Signed, signatureVerifies } from './signature.ts';

export interface CsrLimits {
  /** Bytes of DER beyond which a request is refused unread. */
  readonly bytesMax: number;
}

/** An RSA 4096 request with every name a device could need is below 2 KiB. */
const csrLimits: CsrLimits = { bytesMax: 8_192 };

export type CsrRefusal = Refusal & { readonly code: 'malformed_csr' | 'csr_too_large' };

function readAttributes(reader: DerReader): Extensions {
  let extensions: Extensions | null = null;
  while (!reader.atEnd) {
    const attribute = reader.enter(tags.sequence);
    const type = dotted(attribute.next(tags.oid).content);
    const values = attribute.enter(tags.set);
    attribute.end();
    // Other attributes (a challenge password, for one) ask for nothing in the certificate.
    if (type !== oids.extensionRequest) continue;
    if (extensions) throw new DerError('two extension requests');
    extensions = readExtensions(values.enter(tags.sequence));
    values.end();
  }
  return extensions ?? new Map();
}

function keyHasSigned(key: KeyFacts, signed: Signed): boolean {
  if (key.algorithm === null || key.bits > rsaBitsVerifiedMax) return false;
  const imported = importKey(key);
  return imported !== null && signatureVerifies(signed, imported);
}

function readInfo(signed: Signed): RequestFacts {
  const info = new DerReader(signed.body.content, 1);
  if (smallNumber(info.next(tags.integer)) !== 0) throw new DerError('not a version 1 request');
  const name = readName(info.enter(tags.sequence));
  const key = readKey(info.next(tags.sequence).raw);
  const extensions = readAttributes(info.enter(contextTag(0, true)));
  info.end();
  const commonNames = name.commonNames.map((one) => {
    if (one === null) throw new DerError('a common name that is no UTF8String, PrintableString or IA5String');
    return one;
  });
  const alternative = extensions.get(oids.subjectAltName);
  const names = alternative ? readAlternativeNames(alternative.value) : { uris: [], others: 0 };
  return {
    commonNames,
    otherSubjectAttributes: name.others,
    uris: names.uris,
    otherNames: names.others,
    extensions: [...extensions.keys()].filter((id) => id !== oids.subjectAltName),
    signatureValid: keyHasSigned(key, signed),
    key,
  };
}

/**
 * Reads one DER-encoded request: exactly one, without trailing bytes. A signature that does not verify, or that is of
 * an algorithm this gateway does not take (SHA-1, RSASSA-PSS), is `signatureValid: false`; a key of unknown type,
 * curve or form has `algorithm: null` and is not verified at all.
 */
export function readCsr(der: Uint8Array, limits: CsrLimits = csrLimits): RequestFacts | CsrRefusal {
  if (der.length > limits.bytesMax) {
    return { code: 'csr_too_large', detail: `${der.length} bytes, at most ${limits.bytesMax} are read` };
  }
  try {
    // What is kept of the request must not change when the caller's buffer does.
    return readInfo(readSigned(new Uint8Array(der), limits.bytesMax));
  } catch (error) {
    if (error instanceof DerError) return { code: 'malformed_csr', detail: error.message };
    throw error;
  }
}
