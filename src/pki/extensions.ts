// The extensions of certificates and CRLs this broker writes (RFC 5280, 4.2 and 5.2), one function each, each returning
// the DER of one Extension. Which of them a certificate carries is decided by its caller.
import type { Profile } from '../domain/request.ts';
import {
  asciiString,
  contextTag,
  derTrue,
  encode,
  enumerated,
  namedBits,
  octetString,
  oid,
  sequence,
  smallInteger,
} from './der.ts';
import { oids } from './oids.ts';

/** A name of a server: a DNS name, or the octets of its address (4 or 16). */
export type HostName = { readonly dns: string } | { readonly address: Uint8Array };

const keyUsageBits = {
  digitalSignature: 0,
  keyEncipherment: 2,
  keyAgreement: 4,
  keyCertSign: 5,
  cRLSign: 6,
} as const;

const encodedOids: Readonly<Record<keyof typeof oids, Uint8Array>> = Object.fromEntries(
  Object.entries(oids).map(([name, text]) => [name, oid(text)]),
) as Record<keyof typeof oids, Uint8Array>;

function extension(name: keyof typeof oids, critical: boolean, value: Uint8Array): Uint8Array {
  const id = encodedOids[name];
  return critical ? sequence(id, derTrue, octetString(value)) : sequence(id, octetString(value));
}

/** Of an end entity: cA false, which DER leaves out. Critical. */
export const leafConstraints: Uint8Array = extension('basicConstraints', true, sequence());

/** Of a CA: `pathLength` is how many CAs may follow below it, null any number. Critical. */
export function caConstraints(pathLength: number | null): Uint8Array {
  const limit = pathLength === null ? [] : [smallInteger(pathLength)];
  return extension('basicConstraints', true, sequence(derTrue, ...limit));
}

export function keyUsage(usages: Profile['keyUsage']): Uint8Array {
  return extension('keyUsage', true, namedBits(usages.map((usage) => keyUsageBits[usage])));
}

export function extendedKeyUsage(usages: Profile['extendedKeyUsage']): Uint8Array {
  return extension('extendedKeyUsage', false, sequence(...usages.map((usage) => encodedOids[usage])));
}

/** The URI that names a principal. */
export function uriName(uri: string): Uint8Array {
  return extension('subjectAltName', false, sequence(asciiString(uri, contextTag(6, false))));
}

/** The names a server is reached by. */
export function hostNames(names: readonly HostName[]): Uint8Array {
  const encoded = names.map((name) =>
    'dns' in name ? asciiString(name.dns, contextTag(2, false)) : encode(contextTag(7, false), name.address),
  );
  return extension('subjectAltName', false, sequence(...encoded));
}

export function subjectKeyIdentifier(keyId: Uint8Array): Uint8Array {
  return extension('subjectKeyIdentifier', false, octetString(keyId));
}

export function authorityKeyIdentifier(keyId: Uint8Array): Uint8Array {
  return extension('authorityKeyIdentifier', false, sequence(encode(contextTag(0, false), keyId)));
}

/** Where the issuer's CRL is found. */
export function crlDistributionPoint(url: string): Uint8Array {
  return extension('crlDistributionPoints', false, sequence(sequence(distributionPointName(url))));
}

/** Field 0 of a DistributionPoint and of an IssuingDistributionPoint: the same bytes in both (RFC 5280, 6.3.3 b 2 i). */
function distributionPointName(url: string): Uint8Array {
  const fullName = encode(contextTag(0, true), asciiString(url, contextTag(6, false)));
  return encode(contextTag(0, true), fullName);
}

/** Of a CRL that lists only certificates which name this URL as their distribution point. Critical (RFC 5280, 5.2.5). */
export function issuingDistributionPoint(url: string): Uint8Array {
  return extension('issuingDistributionPoint', true, sequence(distributionPointName(url)));
}

/** Where the issuer's certificate is found. */
export function caIssuers(url: string): Uint8Array {
  const description = sequence(encodedOids.caIssuers, asciiString(url, contextTag(6, false)));
  return extension('authorityInfoAccess', false, sequence(description));
}

/** At most 8 octets, of the 20 that are allowed (RFC 5280, 5.2.3): a safe integer has no more. */
export function crlNumber(number: number): Uint8Array {
  return extension('crlNumber', false, smallInteger(number));
}

/** Of a CRL entry; `code` as in RFC 5280, 5.3.1. */
export function reasonCode(code: number): Uint8Array {
  return extension('reasonCode', false, enumerated(code));
}
