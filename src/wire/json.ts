// The JSON encoding: PEM for certificates and requests, lower-case hex for digests, Unix seconds for times.

import { Buffer } from 'node:buffer';
import { z } from 'zod';
import { keyModes } from '../domain/principal.ts';
import { derToPem, pemToDer } from '../pki/pem.ts';
import type { Format } from './format.ts';
import { certificatesMax } from './limits.ts';
import { bytes, object, type Spellings } from './shapes.ts';

const certificateLabel = 'CERTIFICATE';
const requestLabel = 'CERTIFICATE REQUEST';
// The label of RFC 7468, section 7, and the older one that some tools still write.
const requestLabels = [requestLabel, 'NEW CERTIFICATE REQUEST'];

const hex = z.string().regex(/^[0-9a-fA-F]{64}$/, 'expected 64 hex characters');

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const spellings: Spellings = {
  digest: z.codec(hex, bytes, {
    decode: (text) => new Uint8Array(Buffer.from(text, 'hex')),
    encode: (value) => Buffer.from(value).toString('hex'),
  }),
  hexDigest: z.codec(hex, hex, { decode: (text) => text.toLowerCase(), encode: (text) => text }),
  bytes: z.codec(z.string().regex(base64), bytes, {
    decode: (text) => new Uint8Array(Buffer.from(text, 'base64')),
    encode: (value) => Buffer.from(value).toString('base64'),
  }),
  csr: z.codec(z.string(), bytes, {
    decode: (text, context) => {
      const [der, ...more] = pemToDer(text, ...requestLabels) ?? [];
      if (der && more.length === 0) return der;
      return object(context, 'malformed_csr', 'expected one PEM block CERTIFICATE REQUEST');
    },
    encode: (der) => derToPem(der, requestLabel),
  }),
  certificates: z.codec(z.string(), z.array(bytes).min(1).max(certificatesMax).readonly(), {
    decode: (text) => pemToDer(text, certificateLabel) ?? [],
    encode: (ders) => ders.map((der) => derToPem(der, certificateLabel)).join(''),
  }),
  mode: z.enum(keyModes),
  status: z.enum(['installed', 'failed', 'stored']),
};

const brace = 0x7b;
const whitespace: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);

// `fatal`: bytes that are not UTF-8 are refused rather than replaced (RFC 8259, 8.1).
const utf8 = new TextDecoder('utf-8', { fatal: true });

export const json: Format = {
  encoding: 'json',
  spellings,
  recognizes: (payload) => payload.find((byte) => !whitespace.has(byte)) === brace,
  parse: (payload) => {
    try {
      return { ok: true, fields: JSON.parse(utf8.decode(payload)) as Record<string, unknown> };
    } catch {
      return { ok: false, detail: 'the payload is not one JSON object in UTF-8' };
    }
  },
  serialize: (fields) => new Uint8Array(Buffer.from(JSON.stringify(fields))),
  // Whole groups of four characters: what a device puts together piece by piece then needs no padding in between.
  bytesWithin: (room) => Math.max(0, Math.floor(room / 4) * 3),
};
