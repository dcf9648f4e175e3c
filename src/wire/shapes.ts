// The messages' fields and their rules, once for all encodings. An encoding brings its own way to write the few values that
// differ: digests, certificates, requests and closed lists.

import { z } from 'zod';
import { type EnrollmentCode, enrollmentCodes } from '../domain/errors.ts';
import type { AckMessage } from '../domain/message.ts';
import type { KeyMode } from '../domain/principal.ts';
import { codeLengthMax, detailLengthMax, secondsMax } from './limits.ts';

/** How one encoding writes what the encodings write differently. Input is what the parser found, output the value. */
export interface Spellings {
  /** SHA-256 as 32 bytes. */
  readonly digest: z.ZodType<Uint8Array, unknown>;
  /** SHA-256 as 64 lower-case hex characters. */
  readonly hexDigest: z.ZodType<string, unknown>;
  /** Any bytes. */
  readonly bytes: z.ZodType<Uint8Array, unknown>;
  readonly csr: z.ZodType<Uint8Array, unknown>;
  readonly certificates: z.ZodType<readonly Uint8Array[], unknown>;
  readonly mode: z.ZodType<KeyMode, unknown>;
  readonly status: z.ZodType<AckMessage['status'], unknown>;
}

/** A byte string, as plain bytes. */
export const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'expected a byte string');

const renewal = z.string().regex(/^[A-Za-z0-9_-]{1,16}$/, 'expected 1 to 16 letters, digits, "_" or "-"');
const seconds = z.int().min(0).max(secondsMax);
const count = z.int().min(0);
const port = z.int().min(1).max(65_535);

const cut = (lengthMax: number) =>
  z.codec(z.string(), z.string(), {
    decode: (text) => text.slice(0, lengthMax),
    encode: (text) => text.slice(0, lengthMax),
  });

const enrollmentCode = z.enum(Object.keys(enrollmentCodes) as EnrollmentCode[], 'not a code of this version');

/** Adds an objection that carries an enrollment code other than `missing_field`. */
export function object(context: z.core.ParsePayload<unknown>, code: EnrollmentCode, message: string): never {
  context.issues.push({ code: 'custom', input: undefined, message, params: { code } });
  return z.NEVER;
}

/** The messages of devices, told apart by `word`. */
export function upShapes(spell: Spellings) {
  return z.discriminatedUnion('word', [
    z.object({
      word: z.literal('hello'),
      fingerprint: spell.hexDigest.exactOptional(),
      maxPacket: count.exactOptional(),
      slots: count.exactOptional(),
      clock: seconds.exactOptional(),
      proof: spell.bytes.exactOptional(),
    }),
    z.object({
      word: z.literal('csr'),
      renewal,
      csr: spell.csr.exactOptional(),
      offset: count.exactOptional(),
      total: count.exactOptional(),
      bytes: spell.bytes.exactOptional(),
      proof: spell.bytes.exactOptional(),
    }),
    z.object({ word: z.literal('get'), renewal, offset: count, length: count }),
    z.object({
      word: z.literal('ack'),
      renewal,
      status: spell.status,
      code: cut(codeLengthMax).exactOptional(),
      detail: cut(detailLengthMax).exactOptional(),
    }),
  ]);
}

/** The messages of the broker, told apart by `word`. */
export function downShapes(spell: Spellings) {
  return z.discriminatedUnion('word', [
    z.object({
      word: z.literal('offer'),
      renewal,
      mode: spell.mode,
      deadline: seconds,
      now: seconds,
      size: count.exactOptional(),
      sha256: spell.digest.exactOptional(),
    }),
    z.object({ word: z.literal('part'), renewal, offset: count, total: count, bytes: spell.bytes }),
    z.object({ word: z.literal('cert'), renewal, certificate: spell.certificates }),
    z.object({ word: z.literal('done'), renewal, retires: seconds }),
    z.object({ word: z.literal('trust'), renewal, size: count, port }),
    z.object({
      word: z.literal('error'),
      renewal: renewal.exactOptional(),
      code: enrollmentCode,
      detail: cut(detailLengthMax).exactOptional(),
      retryAfter: count.exactOptional(),
    }),
  ]);
}
