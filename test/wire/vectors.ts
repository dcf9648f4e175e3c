// The byte-exact examples of every message, as values: what vectors.json writes in hex becomes bytes.
import { readFileSync } from 'node:fs';
import type { DownMessage, UpMessage } from '../../src/domain/message.ts';

interface Written {
  readonly name: string;
  readonly way: 'up' | 'down';
  readonly message: { readonly word: string; readonly [field: string]: unknown };
  /** DER, in hex, of the certificate whose key made the proof in it. */
  readonly signer?: string;
  /** DER, in hex, of the root that signed the step in it. */
  readonly root?: string;
  /** DER, in hex, of the certificate that the key in it was encrypted to, and of that certificate's own key. */
  readonly recipient?: { readonly certificate: string; readonly key: string };
  readonly json: string;
  readonly cbor: string;
}

interface Bytes {
  readonly name: string;
  readonly json: Uint8Array;
  readonly cbor: Uint8Array;
}

export type Vector =
  | (Bytes & { readonly way: 'up'; readonly message: UpMessage })
  | (Bytes & { readonly way: 'down'; readonly message: DownMessage });

export const written = JSON.parse(
  readFileSync(new URL('./vectors.json', import.meta.url), 'utf8'),
) as readonly Written[];

/** Fields that hold bytes. */
const binary: ReadonlySet<string> = new Set(['csr', 'sha256', 'bytes', 'proof']);

const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

function revive(message: Written['message']): unknown {
  const entries = Object.entries(message).map(([field, value]) => {
    if (binary.has(field)) return [field, fromHex(String(value))];
    return field === 'certificates' && Array.isArray(value) ? [field, value.map(fromHex)] : [field, value];
  });
  return Object.fromEntries(entries);
}

export const vectors: readonly Vector[] = written.map(
  ({ name, way, message, json, cbor }) =>
    ({ name, way, message: revive(message), json: new Uint8Array(Buffer.from(json)), cbor: fromHex(cbor) }) as Vector,
);
