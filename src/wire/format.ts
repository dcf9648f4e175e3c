// What an encoding has to bring: how to tell it from others, how to take bytes apart into named fields, and the reverse.
import type { Encoding } from '../domain/principal.ts';
import type { Spellings } from './shapes.ts';

/** Field name to value, as the encoding spells it. */
export type Fields = Readonly<Record<string, unknown>>;

export interface Format {
  readonly encoding: Encoding;
  readonly spellings: Spellings;
  /** Does a payload that begins like this claim to be in this encoding? */
  recognizes(payload: Uint8Array): boolean;
  /** The fields, or why there are none. Never throws. */
  parse(
    payload: Uint8Array,
  ): { readonly ok: true; readonly fields: Fields } | { readonly ok: false; readonly detail: string };
  serialize(fields: Fields): Uint8Array;
  /** How many bytes the value of a byte string may have, when the message with an empty one may grow by `room` bytes. */
  bytesWithin(room: number): number;
}
