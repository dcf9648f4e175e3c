// Reads DER strictly: definite minimal lengths, low tag numbers, bounded depth and size. It walks what a caller's schema
// asks for and decodes single values; every fault is a DerError, and nothing read is ever copied or corrected.
import type { Instant } from '../domain/time.ts';
import { tags } from './der.ts';

/** Deepest nesting that is entered; PKCS#10, certificates and CRLs need fewer than ten levels. */
export const derDepthMax = 16;

/** Bytes that are not the DER that was expected. */
export class DerError extends Error {
  constructor(detail: string) {
    super(detail);
    this.name = 'DerError';
  }
}

/** What `read` makes of a part; a fault in it says which part it is in. */
export function within<T>(part: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof DerError) throw new DerError(`${part}: ${error.message}`);
    throw error;
  }
}

/** One element: its identifier octet, its content, and the whole of it as it stood in the input. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly raw: Uint8Array;
}

const lengthOctetsMax = 4;

/** In words of X.680 where it is a universal tag that is in use here, else as a number. */
function tagName(tag: number): string {
  const name = Object.entries(tags).find(([, each]) => each === tag)?.[0];
  return name ?? `tag 0x${tag.toString(16)}`;
}

/**
 * How faithful to DER a writer has to be. `loose` is for certificates that are trusted by their fingerprint: lengths need not be
 * minimal, and what else a schema lets pass it says where it does.
 */
export type Rigour = 'strict' | 'loose';

/** Walks the elements of one level, in order. */
export class DerReader {
  readonly rigour: Rigour;
  readonly #bytes: Uint8Array;
  readonly #depth: number;
  #at = 0;

  constructor(bytes: Uint8Array, depth = 0, rigour: Rigour = 'strict') {
    if (depth > derDepthMax) throw new DerError('nested too deeply');
    this.rigour = rigour;
    this.#bytes = bytes;
    this.#depth = depth;
  }

  /** Is the next element one with this tag? False at the end. */
  sees(tag: number): boolean {
    return this.#bytes[this.#at] === tag;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The next element, of whatever tag. */
  any(): DerElement {
    const start = this.#at;
    const tag = this.#octet();
    if (tag === 0 || (tag & 0x1f) === 0x1f) throw new DerError(`unexpected tag 0x${tag.toString(16)}`);
    const length = this.#length();
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new DerError('an element is longer than what holds it');
    const element = { tag, content: this.#bytes.subarray(this.#at, end), raw: this.#bytes.subarray(start, end) };
    this.#at = end;
    return element;
  }

  /** The next element, which must have this tag. */
  next(tag: number): DerElement {
    const found = this.#bytes[this.#at];
    if (found !== tag) {
      throw new DerError(`expected ${tagName(tag)}, found ${found === undefined ? 'the end' : tagName(found)}`);
    }
    return this.any();
  }

  /** The next element if it has this tag, else null. */
  optional(tag: number): DerElement | null {
    return this.sees(tag) ? this.any() : null;
  }

  /** A reader of what is inside the next element, which must have this tag. */
  enter(tag: number): DerReader {
    return new DerReader(this.next(tag).content, this.#depth + 1, this.rigour);
  }

  /** Fails unless everything has been read. */
  end(): void {
    if (!this.atEnd) throw new DerError('trailing bytes');
  }

  #octet(): number {
    const octet = this.#bytes[this.#at];
    if (octet === undefined) throw new DerError('ends within an element');
    this.#at += 1;
    return octet;
  }

  #length(): number {
    const first = this.#octet();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0) throw new DerError('an indefinite length, which is BER and not DER');
    if (count > lengthOctetsMax) throw new DerError('length of too many octets');
    let length = 0;
    for (let i = 0; i < count; i += 1) length = length * 0x100 + this.#octet();
    const isMinimal = length >= 0x80 && length >= 0x100 ** (count - 1);
    if (!isMinimal && this.rigour === 'strict') throw new DerError('a length in more octets than DER has');
    return length;
  }
}

/** A reader of what is inside the one element with this tag that `der` must consist of; more than `bytesMax` is refused unread. */
export function openDer(der: Uint8Array, tag: number, bytesMax: number, rigour: Rigour = 'strict'): DerReader {
  if (der.length > bytesMax) throw new DerError(`more than ${bytesMax} bytes`);
  const outer = new DerReader(der, 0, rigour);
  const inner = outer.enter(tag);
  outer.end();
  return inner;
}

/** Two's-complement content of an INTEGER or ENUMERATED, checked to be minimal and not negative; without the sign octet. */
export function magnitude(element: DerElement): Uint8Array {
  const [first, second] = element.content;
  if (first === undefined) throw new DerError('an empty integer');
  if (first >= 0x80) throw new DerError('a negative integer');
  if (first !== 0 || second === undefined) return element.content;
  if (second < 0x80) throw new DerError('an integer is not minimal');
  return element.content.subarray(1);
}

/** A non-negative integer of at most 48 bits. */
export function smallNumber(element: DerElement): number {
  const digits = magnitude(element);
  if (digits.length > 6) throw new DerError('an integer is too large');
  return digits.reduce((sum, octet) => sum * 0x100 + octet, 0);
}

/** The value of a BOOLEAN. `loose`: as BER has it, whatever is not 0 is true (X.690, 8.2.2). */
export function truth(element: DerElement, rigour: Rigour = 'strict'): boolean {
  const [octet] = element.content;
  const isDer = octet === 0 || octet === 0xff;
  if (element.content.length !== 1 || (!isDer && rigour === 'strict')) throw new DerError('not a boolean');
  return octet !== 0;
}

const oidOctetsMax = 64;

/** The dotted form of an OBJECT IDENTIFIER's content; arcs of any size: one below 2.25 is a UUID (X.667). */
export function dotted(content: Uint8Array): string {
  if (content.length === 0 || content.length > oidOctetsMax) {
    throw new DerError(`an object identifier of ${content.length} octets: 1 to ${oidOctetsMax} are read`);
  }
  const arcs: (number | bigint)[] = [];
  let begin = 0;
  for (let at = 0; at < content.length; at += 1) {
    if (at === begin && content[at] === 0x80) throw new DerError('an object identifier is not minimal');
    if ((content[at] ?? 0) >= 0x80) continue;
    arcs.push(arcOf(content.subarray(begin, at + 1)));
    begin = at + 1;
  }
  if (begin !== content.length) throw new DerError('an object identifier ends within an arc');
  const [joint = 0, ...rest] = arcs;
  if (typeof joint === 'bigint') return [2, joint - 80n, ...rest].join('.');
  const first = Math.min(Math.floor(joint / 40), 2);
  return [first, joint - first * 40, ...rest].join('.');
}

/** Octets of an arc that a number holds: seven bits each. */
const numberArcOctets = 7;

function arcOf(octets: Uint8Array): number | bigint {
  if (octets.length <= numberArcOctets) return octets.reduce((sum, octet) => sum * 0x80 + (octet & 0x7f), 0);
  return octets.reduce((sum, octet) => (sum << 7n) | BigInt(octet & 0x7f), 0n);
}

/** The octets of a BIT STRING that has no unused bits: a key or a signature. */
export function wholeOctets(element: DerElement): Uint8Array {
  if (element.content[0] !== 0) throw new DerError('a bit string is not made of whole octets');
  return element.content.subarray(1);
}

/** Is this named bit of a BIT STRING set? Bit 0 is the first. */
export function hasBit(content: Uint8Array, bit: number): boolean {
  const octet = content[1 + (bit >> 3)];
  return octet !== undefined && (octet & (0x80 >> (bit & 7))) !== 0;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of a UTF8String, PrintableString or IA5String; null for other types, which nobody's names need. */
export function text(element: DerElement): string | null {
  if (element.tag === tags.utf8String) {
    try {
      return utf8.decode(element.content);
    } catch {
      throw new DerError('a UTF8String is not UTF-8');
    }
  }
  return element.tag === tags.printableString || element.tag === tags.ia5String ? ascii(element.content) : null;
}

/** Octets that must be ASCII, as a string. */
export function ascii(content: Uint8Array): string {
  if (content.some((octet) => octet > 0x7f)) throw new DerError('not ASCII');
  return Buffer.from(content.buffer, content.byteOffset, content.length).toString('latin1');
}

/** The instant of a Time in the only forms RFC 5280 (4.1.2.5) allows: UTC, with seconds, without fractions. */
export function instantOf(element: DerElement): Instant {
  const digits = ascii(element.content);
  const isShort = element.tag === tags.utcTime;
  if (!isShort && element.tag !== tags.generalizedTime) throw new DerError('not a time');
  if (!(isShort ? /^\d{12}Z$/ : /^\d{14}Z$/).test(digits)) throw new DerError('a time is not in its DER form');
  const century = isShort ? (Number(digits.slice(0, 2)) < 50 ? '20' : '19') : '';
  const all = century + digits;
  const iso = `${all.slice(0, 4)}-${all.slice(4, 6)}-${all.slice(6, 8)}T${all.slice(8, 10)}:${all.slice(10, 12)}:${all.slice(12, 14)}.000Z`;
  const instant = Date.parse(iso);
  // Date.parse carries 30 February over into March.
  if (Number.isNaN(instant) || new Date(instant).toISOString() !== iso)
    throw new DerError('a time that does not exist');
  return instant;
}
