// Writes DER (X.690): values in, one encoded element out. It decides lengths, minimal integers and the form of times, and
// nothing about what the elements mean.
import type { Instant } from '../domain/time.ts';

/** Identifier octets of the universal types in use, the constructed bit included. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Identifier octet of a context-specific tag. `constructed`: it holds elements (explicit tags, implicit sequences). */
export function contextTag(number: number, constructed: boolean): number {
  return (constructed ? 0xa0 : 0x80) | number;
}

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 0x100)) octets.unshift(rest & 0xff);
  return [0x80 | octets.length, ...octets];
}

/** Identifier and length octets of an element whose content follows apart from them. */
export function header(tag: number, contentBytes: number): Uint8Array {
  return Uint8Array.of(tag, ...lengthOctets(contentBytes));
}

/** One element: `tag`, the length, and the parts one after another. */
export function encode(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let contentBytes = 0;
  for (const part of parts) contentBytes += part.length;
  const length = lengthOctets(contentBytes);
  const out = new Uint8Array(1 + length.length + contentBytes);
  out[0] = tag;
  out.set(length, 1);
  let at = 1 + length.length;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return encode(tags.sequence, ...parts);
}

/** A SET OF: its parts in ascending order of their encodings (X.690, 11.6). */
export function set(...parts: readonly Uint8Array[]): Uint8Array {
  return encode(tags.set, ...[...parts].sort(Buffer.compare));
}

export const derNull: Uint8Array = encode(tags.null);
export const derTrue: Uint8Array = encode(tags.boolean, Uint8Array.of(0xff));

const zeroOctet = Uint8Array.of(0);

/** A non-negative INTEGER from its big-endian magnitude; leading zeros are dropped, the sign octet is added. */
export function integer(magnitude: Uint8Array): Uint8Array {
  let start = 0;
  while (start < magnitude.length && magnitude[start] === 0) start += 1;
  const digits = magnitude.subarray(start);
  const signed = (digits[0] ?? 0x80) >= 0x80;
  return signed ? encode(tags.integer, zeroOctet, digits) : encode(tags.integer, digits);
}

/** A non-negative INTEGER from a safe integer. */
export function smallInteger(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a non-negative safe integer: ${value}`);
  const hex = value.toString(16);
  return integer(Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex'));
}

/** An ENUMERATED below 128. */
export function enumerated(value: number): Uint8Array {
  return encode(tags.enumerated, Uint8Array.of(value));
}

/** An OBJECT IDENTIFIER from its dotted form; arcs up to 2^53. */
export function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const octets: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const base128 = [arc % 0x80];
    for (let high = Math.floor(arc / 0x80); high > 0; high = Math.floor(high / 0x80)) {
      base128.unshift(0x80 | (high % 0x80));
    }
    octets.push(...base128);
  }
  return encode(tags.oid, Uint8Array.from(octets));
}

/** `unusedBits`: how many low bits of the last octet are padding, 0 to 7. */
export function bitString(bytes: Uint8Array, unusedBits = 0): Uint8Array {
  return encode(tags.bitString, Uint8Array.of(unusedBits), bytes);
}

/** A BIT STRING of named bits: bit 0 is the first, trailing zero bits are left out (X.690, 11.2.2). At most 8 bits. */
export function namedBits(bits: readonly number[]): Uint8Array {
  if (bits.length === 0) return bitString(new Uint8Array());
  const octet = bits.reduce((sum, bit) => sum | (0x80 >> bit), 0);
  return bitString(Uint8Array.of(octet), 7 - Math.max(...bits));
}

export function octetString(content: Uint8Array): Uint8Array {
  return encode(tags.octetString, content);
}

export function utf8String(text: string): Uint8Array {
  return encode(tags.utf8String, Buffer.from(text, 'utf8'));
}

/** ASCII text under any tag: IA5String, or one of the implicit tags of a GeneralName. Fails on other characters. */
export function asciiString(text: string, tag: number = tags.ia5String): Uint8Array {
  for (let i = 0; i < text.length; i += 1) {
    if (text.charCodeAt(i) > 0x7f) throw new RangeError('not ASCII text');
  }
  return encode(tag, Buffer.from(text, 'latin1'));
}

/** A Time: UTCTime from 1950 through 2049, GeneralizedTime otherwise (RFC 5280, 4.1.2.5); whole seconds, rounded down. */
export function time(instant: Instant): Uint8Array {
  const date = new Date(instant);
  const year = date.getUTCFullYear();
  if (!(year >= 0 && year <= 9999)) throw new RangeError(`no X.509 time for ${instant}`);
  const iso = date.toISOString();
  const digits = `${iso.slice(0, 4)}${iso.slice(5, 7)}${iso.slice(8, 10)}${iso.slice(11, 13)}${iso.slice(14, 16)}${iso.slice(17, 19)}Z`;
  const short = year >= 1950 && year <= 2049;
  return short
    ? encode(tags.utcTime, Buffer.from(digits.slice(2), 'latin1'))
    : encode(tags.generalizedTime, Buffer.from(digits, 'latin1'));
}
