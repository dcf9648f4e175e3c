import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fingerprint } from '../../src/domain/certificate.ts';
import {
  decodeStep,
  encodeStep,
  nextSequence,
  type SignedStep,
  sequenceOfRenewalId,
  stepBytesMax,
  stepRenewalId,
  stepRootBytesMax,
  stepSequenceMax,
  stepSignatureBytesMax,
  stepText,
  type TrustStep,
} from '../../src/domain/trust-step.ts';
import { fingerprintA, fingerprintB, noon } from './samples.ts';

const root = Uint8Array.of(0x30, 0x03, 0x02, 0x01, 0x05);
const signature = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const said = { sequence: 1_800_000_000, signer: fingerprintA };
const successor: TrustStep = { kind: 'successor', ...said, named: fingerprintB, root };
const drop: TrustStep = { kind: 'drop', ...said };
const withdraw: TrustStep = { kind: 'withdraw', ...said };

const digest = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('hex') as Fingerprint);
const sequence = fc.integer({ min: 1, max: stepSequenceMax });
const step: fc.Arbitrary<TrustStep> = fc.oneof(
  fc
    .record({
      kind: fc.constant('successor' as const),
      sequence,
      signer: digest,
      named: digest,
      root: fc.uint8Array({ minLength: 1, maxLength: 600 }),
    })
    .filter(({ signer, named }) => signer !== named),
  fc.record({ kind: fc.constantFrom('drop' as const, 'withdraw' as const), sequence, signer: digest }),
);
const signed: fc.Arbitrary<SignedStep> = fc.record({
  step,
  signature: fc.uint8Array({ minLength: 1, maxLength: 200 }),
});

/** The bytes of a step with some of them written over. */
function changed(step: TrustStep, at: number, ...bytes: readonly number[]): Uint8Array {
  const encoded = encodeStep({ step, signature });
  encoded.set(bytes, at);
  return encoded;
}

describe("a step's text", () => {
  it.each([
    [successor, `nolapse trust 1\nsuccessor\n1800000000\n${fingerprintA}\n${fingerprintB}\n`],
    [drop, `nolapse trust 1\ndrop\n1800000000\n${fingerprintA}\n${fingerprintA}\n`],
    [withdraw, `nolapse trust 1\nwithdraw\n1800000000\n${fingerprintA}\n${fingerprintA}\n`],
  ])('of a $kind names kind, sequence and both roots', (step, text) => {
    expect(stepText(step)).toBe(text);
  });

  it('differs where anything but the DER and the signature differs', () => {
    fc.assert(
      fc.property(step, step, (a, b) => {
        const plain = ({ root: _, ...rest }: TrustStep & { root?: Uint8Array }) => JSON.stringify(rest);
        fc.pre(plain(a) !== plain(b));
        expect(stepText(a)).not.toBe(stepText(b));
      }),
    );
  });
});

describe("a step's bytes", () => {
  it('are head, root and signature, one after another', () => {
    const hex = Buffer.from(encodeStep({ step: successor, signature })).toString('hex');
    expect(hex).toBe(`0101${'000000006b49d200'}${fingerprintA}${fingerprintB}0005${'3003020105'}${'0102030405060708'}`);
  });

  it('come back as they were', () => {
    fc.assert(
      fc.property(signed, (each) => {
        expect(decodeStep(encodeStep(each))).toEqual({ ok: true, ...each });
      }),
    );
  });

  it('have one reading: what can be read is written as the same bytes again', () => {
    const edits = fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(signed, edits, (each, changes) => {
        const bytes = encodeStep(each);
        for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
        const decoded = decodeStep(bytes);
        if (decoded.ok) expect(encodeStep(decoded)).toEqual(bytes);
      }),
      { numRuns: 1_000 },
    );
  });

  it('are read or refused with a bounded fault, whatever they are', () => {
    const begun = fc.uint8Array({ maxLength: 200 }).map((rest) => Uint8Array.of(1, 1, 0, 0, ...rest));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), begun), (bytes) => {
        const decoded = decodeStep(bytes);
        if (!decoded.ok) expect(decoded.fault.length).toBeLessThan(120);
      }),
      { numRuns: 1_000 },
    );
  });

  it('are refused at every length short of their root, and without a signature', () => {
    const whole = encodeStep({ step: successor, signature });
    for (let length = 0; length <= whole.length - signature.length; length += 1) {
      expect(decodeStep(whole.subarray(0, length)).ok).toBe(false);
    }
  });

  it.each([
    ['nothing at all', new Uint8Array(), /ends within its head: it has 0 of 76 bytes/],
    ['another version', changed(drop, 0, 2), /version 2 \(byte 0\): 1 is read/],
    ['a kind that is not known', changed(drop, 1, 4), /kind 4 \(byte 1\)/],
    ['kind 0', changed(drop, 1, 0), /kind 0 \(byte 1\)/],
    ['the sequence 0', changed(drop, 2, 0, 0, 0, 0, 0, 0, 0, 0), /the sequence is 0: 1 to 999999999999999/],
    [
      'a sequence above the largest',
      changed(drop, 2, 0, 3, 0x8d, 0x7e, 0xa4, 0xc6, 0x80, 0),
      /the sequence is 1000000000000000: /,
    ],
    ['a sequence of 2^64 - 1', changed(drop, 2, ...Array(8).fill(0xff)), /the sequence is 18446744073709552000: /],
    ['a drop that names another root', changed(drop, 42, 0xbb), /a drop names another root than its signer/],
    [
      'a withdrawal that names another root',
      changed(withdraw, 73, 0xbb),
      /a withdraw names another root than its signer/,
    ],
    ['a drop with a root', changed(drop, 74, 0, 5), /a drop carries a root of 5 bytes/],
    ['a successor without a root', changed(successor, 74, 0, 0), /the next root is missing/],
    ['a root longer than the step', changed(successor, 74, 0, 14), /ends within its root: it has 13 of 14 bytes/],
    ['no room for a signature', changed(successor, 74, 0, 13), /the signature is missing/],
    ['a root that follows itself', changed(successor, 42, ...Array(32).fill(0xaa)), /names itself as its successor/],
    [
      'a root beyond the limit',
      Buffer.concat([changed(successor, 74, 0x10, 1), new Uint8Array(5_000 - 13)]),
      /the next root has 4097 bytes: at most 4096 fit/,
    ],
    [
      'a signature beyond the limit',
      Buffer.concat([encodeStep({ step: drop, signature }), new Uint8Array(1_017)]),
      /the signature has 1025 bytes: at most 1024 are read/,
    ],
    ['more bytes than any step has', new Uint8Array(stepBytesMax + 1).fill(1), /at most 5196 are read/],
  ])('with %s are refused', (_, bytes, fault) => {
    const decoded = decodeStep(bytes);
    expect(decoded).toMatchObject({ ok: false, fault: expect.stringMatching(fault) });
  });

  it('are not made of what could not be read', () => {
    const cases: SignedStep[] = [
      { step: { ...drop, sequence: stepSequenceMax + 1 }, signature },
      { step: { ...drop, sequence: 1.5 }, signature },
      { step: { ...drop, sequence: 0 }, signature },
      { step: { ...successor, named: fingerprintA }, signature },
      { step: { ...successor, root: new Uint8Array() }, signature },
      { step: { ...successor, root: new Uint8Array(stepRootBytesMax + 1) }, signature },
      { step: drop, signature: new Uint8Array() },
      { step: drop, signature: new Uint8Array(stepSignatureBytesMax + 1) },
    ];
    for (const each of cases) expect(() => encodeStep(each)).toThrow(RangeError);
  });

  it('hold a next root with a P-256 key within 600 bytes', () => {
    const largest = { step: { ...successor, root: new Uint8Array(450) }, signature: new Uint8Array(72) };
    expect(encodeStep(largest).length).toBeLessThanOrEqual(600);
  });
});

describe("a step's sequence", () => {
  it('is the Unix time, or one more than the last where that is ahead', () => {
    expect(nextSequence(noon + 999, null)).toEqual({ ok: true, sequence: 1_800_000_000 });
    expect(nextSequence(noon, 1_700_000_000)).toEqual({ ok: true, sequence: 1_800_000_000 });
    expect(nextSequence(noon, 1_800_000_000)).toEqual({ ok: true, sequence: 1_800_000_001 });
    expect(nextSequence(-noon, null)).toEqual({ ok: true, sequence: 1 });
  });

  it('ends at its maximum, and says so', () => {
    expect(nextSequence(noon, stepSequenceMax - 1)).toEqual({ ok: true, sequence: stepSequenceMax });
    expect(nextSequence(noon, stepSequenceMax)).toEqual({
      ok: false,
      fault: expect.stringContaining('sequence 1000000000000000: the largest is 999999999999999'),
    });
  });

  it('always rises, and never lies behind the clock', () => {
    fc.assert(
      fc.property(fc.nat({ max: 4e15 }), sequence, (now, last) => {
        const next = nextSequence(now, last);
        if (!next.ok) return;
        expect(next.sequence).toBeGreaterThan(last);
        expect(next.sequence).toBeGreaterThanOrEqual(Math.floor(now / 1_000));
      }),
    );
  });

  it('is in its renewal id, which no other id can be', () => {
    fc.assert(
      fc.property(sequence, (each) => {
        expect(sequenceOfRenewalId(stepRenewalId(each))).toBe(each);
      }),
    );
    expect(stepRenewalId(stepSequenceMax)).toHaveLength(16);
    for (const id of ['t', 't0', 't01', 'T1', 't1a', 't-1', 't1234567890123456', 'k3Jd82mQxW0aZ', '', '1']) {
      expect(sequenceOfRenewalId(id)).toBeNull();
    }
  });
});
