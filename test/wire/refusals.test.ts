import { describe, expect, it } from 'vitest';
import type { EnrollmentCode } from '../../src/domain/errors.ts';
import { decodeUp, payloadBytesMax } from '../../src/wire/index.ts';

const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value));
const hex = (value: string): Uint8Array => new Uint8Array(Buffer.from(value.replaceAll(' ', ''), 'hex'));

interface Refused {
  readonly what: string;
  readonly word: string;
  readonly payload: Uint8Array;
  readonly code: EnrollmentCode;
  readonly encoding: 'json' | 'cbor';
  readonly detail?: RegExp;
}

const nested = (open: number, depth: number): Uint8Array =>
  new Uint8Array([0xa1, 0x18, 99, ...Array(depth).fill(open), 0]);

const malformed = { code: 'malformed_message', encoding: 'cbor' } as const;
const missing = { code: 'missing_field', encoding: 'json' } as const;
const refusals: readonly Refused[] = [
  { what: 'a CBOR key twice', word: 'hello', payload: hex('a2 1101 1102'), ...malformed, detail: /repeat/ },
  { what: 'an indefinite map', word: 'hello', payload: hex('bf 1101 ff'), ...malformed, detail: /indefinite/ },
  { what: 'an indefinite byte string', word: 'csr', payload: hex('a2 016161 07 5f 4130 ff'), ...malformed },
  {
    what: 'a float that is a whole number',
    word: 'hello',
    payload: hex('a1 11 f93c00'),
    ...malformed,
    detail: /float/,
  },
  { what: 'a tag', word: 'hello', payload: hex('a1 11 c101'), ...malformed, detail: /tag/ },
  { what: 'an integer beyond 2^53', word: 'hello', payload: hex('a1 11 1b0020000000000000'), ...malformed },
  { what: 'bytes after the map', word: 'hello', payload: hex('a0 00'), ...malformed, detail: /too many/ },
  { what: 'a map cut short', word: 'hello', payload: hex('a2 1101'), ...malformed, detail: /not enough/ },
  { what: 'an array nested 16,000 deep', word: 'hello', payload: nested(0x81, 16_000), ...malformed, detail: /nested/ },
  { what: 'maps nested as keys', word: 'hello', payload: nested(0xa1, 16_000), ...malformed, detail: /nested/ },
  { what: 'tags nested', word: 'hello', payload: nested(0xc1, 16_000), ...malformed, detail: /tag/ },
  { what: 'an array that announces 2^32 items', word: 'hello', payload: hex('a1 11 9affffffff'), ...malformed },
  { what: 'JSON cut short', word: 'hello', payload: text('{"clock":1'), code: 'malformed_message', encoding: 'json' },
  {
    what: 'bytes that are not UTF-8',
    word: 'hello',
    payload: hex('7b22ff223a317d'),
    code: 'malformed_message',
    encoding: 'json',
  },
  { what: 'a JSON array', word: 'hello', payload: text('[]'), code: 'malformed_message', encoding: 'json' },
  { what: 'an empty csr', word: 'csr', payload: text(''), code: 'malformed_message', encoding: 'json' },
  { what: 'a csr without a renewal', word: 'csr', payload: text('{"csr":"x"}'), ...missing, detail: /^renewal: / },
  { what: 'a text for a number', word: 'hello', payload: text('{"clock":"1"}'), ...missing, detail: /^clock: / },
  { what: 'half a second', word: 'hello', payload: text('{"clock":1.5}'), ...missing, detail: /^clock: / },
  {
    what: 'a renewal id too long',
    word: 'ack',
    payload: text(`{"renewal":"${'a'.repeat(17)}","status":"failed"}`),
    ...missing,
  },
  {
    what: 'a renewal id of other characters',
    word: 'ack',
    payload: text('{"renewal":"a/b","status":"failed"}'),
    ...missing,
  },
  {
    what: 'an unknown status',
    word: 'ack',
    payload: text('{"renewal":"a","status":"maybe"}'),
    ...missing,
    detail: /^status: /,
  },
  {
    what: 'an unknown status number',
    word: 'ack',
    payload: hex('a2 016161 0905'),
    code: 'missing_field',
    encoding: 'cbor',
  },
  {
    what: 'a digest of 31 bytes',
    word: 'hello',
    payload: hex(`a1 0e 581f ${'00'.repeat(31)}`),
    code: 'missing_field',
    encoding: 'cbor',
  },
  {
    what: 'a csr that is no PEM',
    word: 'csr',
    payload: text('{"renewal":"a","csr":"MIIB"}'),
    code: 'malformed_csr',
    encoding: 'json',
  },
  { what: 'a word of no message', word: 'part', payload: hex('a0'), code: 'unknown_word', encoding: 'cbor' },
  {
    what: 'a csr beyond the limit',
    word: 'csr',
    payload: new Uint8Array(payloadBytesMax + 1).fill(0x20),
    code: 'csr_too_large',
    encoding: 'json',
  },
  {
    what: 'a hello beyond the limit',
    word: 'hello',
    payload: new Uint8Array(payloadBytesMax + 1).fill(0xa1),
    ...malformed,
  },
];

describe('what is refused', () => {
  for (const { what, word, payload, code, encoding, detail } of refusals) {
    it(`${what}: ${code}`, () => {
      const decoded = decodeUp(word, payload);
      expect(decoded).toMatchObject({ ok: false, code, encoding });
      if (detail && !decoded.ok) expect(decoded.detail).toMatch(detail);
    });
  }

  it('never repeats the sender in its detail', () => {
    const payload = new Uint8Array([0xa2, 0x66, ...text('secret'), 0, 0x66, ...text('secret'), 0]);
    const decoded = decodeUp('hello', payload);
    expect(decoded).toMatchObject({ ok: false });
    expect(JSON.stringify(decoded)).not.toContain('secret');
  });
});

describe('what is let pass', () => {
  const hello = (payload: Uint8Array) => decodeUp('hello', payload);

  it('an empty hello', () => {
    expect(hello(text(''))).toEqual({ ok: true, encoding: 'json', message: { word: 'hello' } });
  });

  it('unknown fields, also of other key types, and `__proto__`', () => {
    expect(hello(text('{"__proto__":{"clock":9},"constructor":1,"word":"csr","extra":[[1]]}'))).toEqual({
      ok: true,
      encoding: 'json',
      message: { word: 'hello' },
    });
    expect(hello(hex('a4 1105 1818 01 6161 01 20 80'))).toMatchObject({
      ok: true,
      message: { word: 'hello', clock: 5 },
    });
    expect(({} as Record<string, unknown>)['clock']).toBeUndefined();
  });

  it('heads longer than need be, and any order', () => {
    expect(hello(hex('a2 1811 1a00000005 190010 1901ff'))).toMatchObject({
      ok: true,
      message: { slots: 511, clock: 5 },
    });
  });

  it('whitespace before JSON, CRLF in PEM and text around it', () => {
    const pem =
      '\r\nCSR:\r\n-----BEGIN NEW CERTIFICATE REQUEST-----\r\nMAMB\r\nAgM=\r\n-----END NEW CERTIFICATE REQUEST-----\r\n';
    const decoded = decodeUp('csr', text(`\r\n\t ${JSON.stringify({ renewal: 'a', csr: pem })}\n`));
    expect(decoded).toMatchObject({ ok: true, message: { csr: hex('3003010203') } });
  });

  it('a long code and detail, cut', () => {
    const decoded = decodeUp(
      'ack',
      text(JSON.stringify({ renewal: 'a', status: 'failed', code: 'c'.repeat(999), detail: 'd'.repeat(999) })),
    );
    expect(decoded).toMatchObject({ message: { code: 'c'.repeat(64), detail: 'd'.repeat(256) } });
  });

  it('upper-case hex, made lower', () => {
    expect(hello(text(`{"fingerprint":"${'AB'.repeat(32)}"}`))).toMatchObject({
      message: { fingerprint: 'ab'.repeat(32) },
    });
  });

  it('a nested unknown field within the limit', () => {
    expect(hello(nested(0x81, 6))).toMatchObject({ ok: true });
  });
});
