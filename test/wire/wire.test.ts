import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EnrollmentCode, enrollmentCodes } from '../../src/domain/errors.ts';
import type { DownMessage, UpMessage } from '../../src/domain/message.ts';
import { packetBytesLeast, payloadRoom, publishBytes } from '../../src/domain/packet.ts';
import { encodings, keyModes, type PrincipalId } from '../../src/domain/principal.ts';
import { requestProofText, useProofText } from '../../src/domain/proof.ts';
import { enrollmentTopic } from '../../src/domain/topics.ts';
import { stepBytesMax, stepRenewalId, stepSequenceMax } from '../../src/domain/trust-step.ts';
import { fingerprintOf } from '../../src/pki/fingerprint.ts';
import { proofVerifies } from '../../src/pki/proof.ts';
import { openStep, stepVerifies } from '../../src/pki/trust-step.ts';
import { splitReplacement, unwrapKey } from '../../src/simulator/unwrap.ts';
import { decodeDown, decodeUp, encodeDown, encodeUp, partBytesWithin } from '../../src/wire/index.ts';
import { idOf } from '../domain/samples.ts';
import { vectors, written } from './vectors.ts';

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

  const named = (name: string) => {
    const vector = vectors.find((each) => each.name === name);
    if (!vector) throw new Error(`there is no vector ${name}`);
    return vector.message;
  };
  const bytesOf = (name: string, field: 'csr' | 'bytes' | 'sha256' | 'proof'): Buffer => {
    const value = (named(name) as unknown as Record<string, unknown>)[field];
    if (!(value instanceof Uint8Array)) throw new Error(`${name} has no ${field}`);
    return Buffer.from(value);
  };

  it('hold a key that whoever has the certificate it was made for can open', () => {
    const replacement = bytesOf('part-keygen', 'bytes');
    expect(named('part-keygen')).toMatchObject({ offset: 0, total: replacement.length });
    expect(named('offer-keygen')).toMatchObject({ mode: 'keygen', size: replacement.length });
    expect(bytesOf('offer-keygen', 'sha256')).toEqual(createHash('sha256').update(replacement).digest());
    const { certificate, envelope } = splitReplacement(replacement);
    const { recipient } = written.find(({ name }) => name === 'part-keygen') ?? {};
    if (!envelope || !recipient) throw new Error('no envelope, or no recipient');
    const own = createPrivateKey({ key: Buffer.from(recipient.key, 'hex'), format: 'der', type: 'pkcs8' });
    expect(new X509Certificate(Buffer.from(recipient.certificate, 'hex')).checkPrivateKey(own)).toBe(true);
    const opened = createPrivateKey(unwrapKey(envelope, own.export({ type: 'pkcs8', format: 'pem' }).toString()));
    expect(new X509Certificate(certificate).checkPrivateKey(opened)).toBe(true);
  });

  it('are of one renewal: what is offered is what is fetched and what its certificate is', () => {
    const cert = named('cert');
    const leaf = Buffer.from((cert.word === 'cert' && cert.certificates[0]) || []);
    const digest = createHash('sha256').update(leaf).digest();
    for (const name of ['offer-issued', 'offer-recertify']) {
      expect(named(name)).toMatchObject({ size: leaf.length });
      expect(bytesOf(name, 'sha256')).toEqual(digest);
    }
    const part = named('part');
    const get = named('get');
    if (part.word !== 'part' || get.word !== 'get') throw new Error('no part, or no get');
    expect(bytesOf('part', 'bytes')).toEqual(leaf.subarray(get.offset, get.offset + get.length));
    expect(part).toMatchObject({ offset: get.offset, total: leaf.length });
    expect(named('part-digest')).toMatchObject({ offset: leaf.length, total: leaf.length + 32 });
    expect(bytesOf('part-digest', 'bytes')).toEqual(digest);
    expect(Buffer.concat([bytesOf('csr-part', 'bytes'), bytesOf('csr-part-proof', 'bytes')])).toEqual(
      bytesOf('csr', 'csr'),
    );
  });

  it('hold proofs that verify', () => {
    const [hello, csr] = ['hello-proof', 'csr-part-proof'].map((name) => written.find((each) => each.name === name));
    const signer = Buffer.from(hello?.signer ?? '', 'hex');
    expect(csr?.signer).toBe(hello?.signer);
    const { renewal } = named('csr') as { renewal: string };
    const inUse = useProofText('pump-1' as PrincipalId, fingerprintOf(signer));
    expect(hello?.message['fingerprint']).toBe(fingerprintOf(signer));
    expect(proofVerifies(inUse, bytesOf('hello-proof', 'proof'), signer)).toBe(true);
    const asked = requestProofText(renewal, fingerprintOf(bytesOf('csr', 'csr')));
    expect(proofVerifies(asked, bytesOf('csr-part-proof', 'proof'), signer)).toBe(true);
    expect(proofVerifies(asked, bytesOf('hello-proof', 'proof'), signer)).toBe(false);
  });

  it.each(['part-step', 'part-step-drop'])('hold in %s a step that its root has signed', (name) => {
    const part = named(name);
    const root = new Uint8Array(Buffer.from(written.find((each) => each.name === name)?.root ?? '', 'hex'));
    const opened = openStep(new Uint8Array(bytesOf(name, 'bytes')));
    if (!opened.ok || part.word !== 'part') throw new Error('no step');
    expect(part).toMatchObject({ offset: 0, total: part.bytes.length, renewal: stepRenewalId(opened.step.sequence) });
    expect(stepVerifies(opened, root)).toBe(true);
  });

  it('are of one step: what is announced is what is fetched, and what its successor drops', () => {
    const [trust, get, part, drop] = ['trust', 'get-step', 'part-step', 'part-step-drop'].map(named);
    const { length } = bytesOf('part-step', 'bytes');
    expect([trust, get, part]).toMatchObject([{ size: length }, { offset: 0, length }, { total: length }]);
    const ids = [trust, get, part, named('ack-stored'), named('ack-step-failed')].map(
      (each) => (each as { renewal: string }).renewal,
    );
    expect(new Set(ids).size).toBe(1);
    expect((drop as { renewal: string }).renewal > (ids[0] ?? '')).toBe(true);
    const roots = ['part-step', 'part-step-drop'].map((name) => written.find((each) => each.name === name)?.root ?? '');
    expect(bytesOf('part-step', 'bytes').toString('hex')).toContain(roots[1]);
  });

  it('hold every word there is a message for', () => {
    const words = new Set(vectors.map((vector) => vector.message.word));
    expect([...words].sort()).toEqual([
      'ack',
      'cert',
      'csr',
      'done',
      'error',
      'get',
      'hello',
      'offer',
      'part',
      'trust',
    ]);
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
      proof: der,
    },
    { requiredKeys: ['word'], noNullPrototype: true },
  ),
  fc.record(
    { word: fc.constant('csr' as const), renewal, csr: der, proof: der },
    { requiredKeys: ['word', 'renewal', 'csr'], noNullPrototype: true },
  ),
  fc.record(
    { word: fc.constant('csr' as const), renewal, offset: count, total: count, bytes: der, proof: der },
    { requiredKeys: ['word', 'renewal', 'offset', 'total', 'bytes'], noNullPrototype: true },
  ),
  fc.record({ word: fc.constant('get' as const), renewal, offset: count, length: count }, { noNullPrototype: true }),
  fc.record(
    {
      word: fc.constant('ack' as const),
      renewal,
      status: fc.constantFrom('installed' as const, 'failed' as const, 'stored' as const),
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
      mode: fc.constantFrom(...keyModes),
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
  fc.record(
    { word: fc.constant('part' as const), renewal, offset: count, total: count, bytes: der },
    { noNullPrototype: true },
  ),
  fc.record({ word: fc.constant('done' as const), renewal, retires: seconds }, { noNullPrototype: true }),
  fc.record(
    { word: fc.constant('trust' as const), renewal, size: count, port: fc.integer({ min: 1, max: 65_535 }) },
    { noNullPrototype: true },
  ),
  fc.record(
    {
      word: fc.constant('error' as const),
      renewal,
      code: fc.constantFrom(...(Object.keys(enrollmentCodes) as EnrollmentCode[])),
      detail: words(256),
      retryAfter: count,
    },
    { requiredKeys: ['word', 'code'], noNullPrototype: true },
  ),
);

const someWord = fc.constantFrom(
  ...['hello', 'csr', 'ack', 'get', 'offer', 'part', 'cert', 'done', 'trust', 'error', '__proto__', 'x'],
);

/** Whatever it returns, it returns; and what it refuses has a code of the table and a detail of bounded length. */
function settles(word: string, payload: Uint8Array): void {
  for (const decode of [decodeUp, decodeDown]) {
    const decoded = decode(word, payload);
    if (decoded.ok) continue;
    expect(Object.keys(enrollmentCodes)).toContain(decoded.code);
    expect(decoded.detail.length).toBeLessThan(250);
  }
}

describe('a part', () => {
  const place = fc.record({ renewal, offset: fc.nat(9_999), total: fc.nat(9_999) });
  for (const encoding of encodings) {
    it(`carries as much as there is room for and no more, in ${encoding}`, () => {
      fc.assert(
        fc.property(place, fc.integer({ min: -10, max: 1_500 }), ({ renewal: id, offset, total }, room) => {
          const length = partBytesWithin(encoding, { renewal: id, offset, total }, room);
          const bytesFor = (count: number) => {
            const part = { word: 'part', renewal: id, offset, total, bytes: new Uint8Array(count) } as const;
            return encodeDown(encoding, part).length;
          };
          if (length > 0) expect(bytesFor(length)).toBeLessThanOrEqual(room);
          // JSON carries whole groups of three.
          expect(bytesFor(length + (encoding === 'json' ? 3 : 1))).toBeGreaterThan(room);
        }),
        { numRuns: 1_000 },
      );
    });
  }
});

describe('a step of a root', () => {
  const id = idOf('x'.repeat(64));
  const renewal = stepRenewalId(stepSequenceMax);

  it('is announced, fetched and acknowledged within packets of 128 bytes, whatever the id', () => {
    const announced = encodeDown('cbor', { word: 'trust', renewal, size: stepBytesMax, port: 65_535 });
    expect(announced.length).toBe(27);
    expect(payloadRoom(enrollmentTopic(id, 'trust'), packetBytesLeast)).toBe(42);
    const ups: UpMessage[] = [
      { word: 'get', renewal, offset: stepBytesMax, length: stepBytesMax },
      { word: 'ack', renewal, status: 'stored' },
      { word: 'ack', renewal, status: 'failed', code: 'port_unreachable' },
    ];
    for (const each of ups) {
      expect(publishBytes(enrollmentTopic(id, each.word), encodeUp('cbor', each).length)).toBeLessThanOrEqual(128);
    }
    const room = payloadRoom(enrollmentTopic(id, 'part'), packetBytesLeast);
    expect(partBytesWithin('cbor', { renewal, offset: stepBytesMax, total: stepBytesMax }, room)).toBeGreaterThan(10);
  });

  it('fits in JSON into packets of 256 bytes', () => {
    const announced = encodeDown('json', { word: 'trust', renewal, size: stepBytesMax, port: 65_535 });
    expect(publishBytes(enrollmentTopic(id, 'trust'), announced.length)).toBeLessThanOrEqual(256);
  });

  it.each([0, 65_536, -1, 1.5, '8885'])('is not announced with the port %j', (port) => {
    const payload = text(JSON.stringify({ renewal: 't1', size: 9, port }));
    expect(decodeDown('trust', payload)).toMatchObject({
      ok: false,
      code: 'missing_field',
      detail: expect.stringMatching(/^port: /),
    });
  });
});

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
