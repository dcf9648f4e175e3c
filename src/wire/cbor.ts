// The CBOR encoding (RFC 8949): one map with small integer keys, byte strings of DER, integers for times and closed lists.
import { Buffer } from 'node:buffer';
import { decode, encode, Tokenizer, Type } from 'cborg';
import { z } from 'zod';
import { fields, modeNumbers, statusNumbers } from './fields.ts';
import type { Fields, Format } from './format.ts';
import { certificatesMax, nestingMax } from './limits.ts';
import { bytes, object, type Spellings } from './shapes.ts';

const sha256 = bytes.refine((value) => value.length === 32, 'expected a byte string of 32');

/** A closed list, spelled by number. */
function numbered<const T extends Record<string, number>>(numbers: T) {
  const names = Object.keys(numbers) as (keyof T & string)[];
  return z.codec(z.int(), z.enum(names), {
    decode: (number, context) =>
      names.find((name) => numbers[name] === number) ??
      object(context, 'missing_field', `expected one of ${Object.values(numbers).join(', ')}`),
    encode: (name) => numbers[name] as number,
  });
}

const spellings: Spellings = {
  digest: sha256,
  hexDigest: z.codec(sha256, z.string(), {
    decode: (value) => Buffer.from(value).toString('hex'),
    encode: (text) => new Uint8Array(Buffer.from(text, 'hex')),
  }),
  bytes,
  csr: bytes,
  certificates: z.array(bytes).min(1).max(certificatesMax).readonly(),
  mode: numbered(modeNumbers),
  status: numbered(statusNumbers),
};

// The shortest form is not asked of devices: a static buffer with fixed heads is theirs to use.
const options = {
  allowIndefinite: false,
  allowUndefined: false,
  allowBigInt: false,
  allowInfinity: false,
  allowNaN: false,
  useMaps: true,
  rejectDuplicateMapKeys: true,
};

/**
 * Bounds what the recursive decoder is given: the nesting, before it recurses, and the kinds of item. A float is refused by
 * its kind, because as a value 1.0 could not be told from 1.
 */
class BoundedTokenizer extends Tokenizer {
  /** Items still to come in each open array and map, the innermost last. */
  readonly #open: number[] = [];

  override next() {
    const token = super.next();
    if (Type.equals(token.type, Type.float)) throw new Error('floats are not used here');
    if (Type.equals(token.type, Type.tag)) throw new Error('tags are not used here');
    this.#closeFinished();
    const last = this.#open.length - 1;
    if (last >= 0) this.#open[last] = (this.#open[last] ?? 0) - 1;
    const isMap = Type.equals(token.type, Type.map);
    if (isMap || Type.equals(token.type, Type.array)) {
      this.#open.push(Number(token.value) * (isMap ? 2 : 1));
      this.#closeFinished();
      if (this.#open.length > nestingMax) throw new Error(`nested deeper than ${nestingMax}`);
    }
    return token;
  }

  #closeFinished(): void {
    while (this.#open.at(-1) === 0) this.#open.pop();
  }
}

const names: ReadonlyMap<unknown, string> = new Map(Object.entries(fields).map(([name, number]) => [number, name]));
const numbers: ReadonlyMap<string, number> = new Map(Object.entries(fields));

function named(map: ReadonlyMap<unknown, unknown>): Fields {
  const known: [string, unknown][] = [];
  for (const [key, value] of map) {
    const name = names.get(key);
    if (name !== undefined) known.push([name, value]);
  }
  return Object.fromEntries(known);
}

/** Bytes of a byte string's head beyond its first (RFC 8949, 3). */
function headGrowth(length: number): number {
  if (length < 24) return 0;
  if (length < 256) return 1;
  return length < 65_536 ? 2 : 4;
}

export const cbor: Format = {
  encoding: 'cbor',
  spellings,
  // Major type 5, map, whatever its length's form.
  recognizes: (payload) => (payload[0] ?? 0) >> 5 === 5,
  parse: (payload) => {
    try {
      const plain = new Uint8Array(payload);
      const map: unknown = decode(plain, { ...options, tokenizer: new BoundedTokenizer(plain, options) });
      if (map instanceof Map) return { ok: true, fields: named(map) };
      return { ok: false, detail: 'the payload is not a CBOR map' };
    } catch (error) {
      // The decoder quotes the key it met twice, and that is the sender's text.
      const why = error instanceof Error ? error.message.replace(/".*"/s, '').trimEnd() : 'unreadable';
      return { ok: false, detail: `the payload is not one CBOR map: ${why}` };
    }
  },
  // Keys ascending and every head in its shortest form: cborg's default order is that of RFC 8949, 4.2.3.
  serialize: (message) => {
    const map = new Map(Object.entries(message).map(([name, value]) => [numbers.get(name), value]));
    // cborg gives a Buffer for some sizes and plain bytes for others.
    return new Uint8Array(encode(map));
  },
  bytesWithin: (room) => {
    let length = Math.max(0, room);
    while (length > 0 && length + headGrowth(length) > room) length -= 1;
    return length;
  },
};
