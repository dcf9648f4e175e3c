import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EnrollmentCode, enrollmentCodes } from '../../src/domain/errors.ts';
import type { DownMessage, UpMessage } from '../../src/domain/message.ts';
import { encodings } from '../../src/domain/principal.ts';
import { decodeDown, decodeUp, encodeDown, encodeUp } from '../../src/wire/index.ts';
import { vectors } from './vectors.ts';

const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value));

describe('the vectors', () => {
  for (const vector of vectors) {
    for (const encoding of encodings) {
      it(`${vector.name} in ${encoding}, both ways`, () => {
        const bytes = vector[encoding];
        if (vector.way === 'up') {
          expect(encodeUp(encoding, vector.message)).toEqual(bytes);
          expect(decodeUp(vector.message.word, bytes)).toEqual({ ok: true, encoding, message: vector.message });
        } else {
          expect(encodeDown(encoding, vector.message)).toEqual(bytes);
          expect(decodeDown(vector.message.word, bytes)).toEqual({ ok: true, encoding, message: vector.message });
        }
      });
    }
  }

  it('hold every word there is a message for', () => {
    const words = new Set(vectors.map((vector) => vector.message.word));
    expect([...words].sort()).toEqual(['ack', 'cert', 'csr', 'done', 'error', 'hello', 'offer']);
  });
});

const seconds = fc.integer({ min: 0, max: 253_402_300_799 });
const count = fc.nat();
const renewal = fc.stringMatching(/^[A-Za-z0-9_-]{1,16}$/);
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const der = fc.uint8Array({ minLength: 1, maxLength: 300 });
const words = (maxLength: number) => fc.string({ maxLength, unit: 'grapheme-ascii' });

const upMessage: fc.Arbitrary<UpMessage> = fc.oneof(
  fc.record(
    {
      word: fc.constant('hello' as const),
      fingerprint: digest.map((bytes) => Buffer.from(bytes).toString('hex')),
      maxPacket: count,
      slots: count,
      clock: seconds,
    },
    { requiredKeys: ['word'], noNullPrototype: true },
  ),
  fc.record({ word: fc.constant('csr' as const), renewal, csr: der }, { noNullPrototype: true }),
  fc.record(
    {
      word: fc.constant('ack' as const),
      renewal,
      status: fc.constantFrom('installed' as const, 'failed' as const),
      code: words(64),
      detail: words(256),
    },
    { requiredKeys: ['word', 'renewal', 'status'], noNullPrototype: true },
  ),
);

const downMessage: fc.Arbitrary<DownMessage> = fc.oneof(
  fc.record(
    {
      word: fc.constant('offer' as const),
      renewal,
      mode: fc.constant('csr' as const),
      deadline: seconds,
      now: seconds,
      size: count,
      sha256: digest,
    },
    { requiredKeys: ['word', 'renewal', 'mode', 'deadline', 'now'], noNullPrototype: true },
  ),
  fc.record(
    { word: fc.constant('cert' as const), renewal, certificates: fc.array(der, { minLength: 1, maxLength: 8 }) },
    { noNullPrototype: true },
  ),
  fc.record({ word: fc.constant('done' as const), renewal, retires: seconds }, { noNullPrototype: true }),
  fc.record(
    {
      word: fc.constant('error' as const),
      renewal,
      code: fc.constantFrom(...(Object.keys(enrollmentCodes) as EnrollmentCode[])),
      detail: words(256),
      retryAfter: count,
    },
    { requiredKeys: ['word', 'code', 'detail'], noNullPrototype: true },
  ),
);

const someWord = fc.constantFrom('hello', 'csr', 'ack', 'get', 'offer', 'cert', 'done', 'error', '__proto__', 'x');

/** Whatever it returns, it returns; and what it refuses has a code of the table and a detail of bounded length. */
function settles(word: string, payload: Uint8Array): void {
  for (const decode of [decodeUp, decodeDown]) {
    const decoded = decode(word, payload);
    if (decoded.ok) continue;
    expect(Object.keys(enrollmentCodes)).toContain(decoded.code);
    expect(decoded.detail.length).toBeLessThan(250);
  }
}

describe('the encodings', () => {
  for (const encoding of encodings) {
    it(`give back every message as it was, in ${encoding}`, () => {
      fc.assert(
        fc.property(upMessage, (message) => {
          expect(decodeUp(message.word, encodeUp(encoding, message))).toEqual({ ok: true, encoding, message });
        }),
      );
      fc.assert(
        fc.property(downMessage, (message) => {
          expect(decodeDown(message.word, encodeDown(encoding, message))).toEqual({ ok: true, encoding, message });
        }),
      );
    });
  }

  it('never throw for any bytes', () => {
    const begun = fc.tuple(
      fc.constantFrom(0x7b, 0xa0, 0xa1, 0xa3, 0xb8, 0xbf, 0x20),
      fc.uint8Array({ maxLength: 200 }),
    );
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      begun.map(([first, rest]) => new Uint8Array([first, ...rest])),
      fc.json().map(text),
    );
    fc.assert(fc.property(someWord, payload, settles), { numRuns: 2_000 });
  });

  it('never throw for a valid message with bytes changed, lost or added', () => {
    const valid = fc.constantFrom(...vectors.flatMap((vector) => encodings.map((each) => [vector, each] as const)));
    const edits = fc.array(fc.record({ at: fc.nat(2_000), lose: fc.nat(3), put: fc.uint8Array({ maxLength: 3 }) }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(valid, edits, ([vector, encoding], changes) => {
        const bytes = [...vector[encoding]];
        for (const { at, lose, put } of changes) bytes.splice(at % (bytes.length + 1), lose, ...put);
        settles(vector.message.word, new Uint8Array(bytes));
      }),
      { numRuns: 2_000 },
    );
  });
});
