import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as der from '../../src/pki/der.ts';
import {
  DerError,
  DerReader,
  derDepthMax,
  dotted,
  instantOf,
  magnitude,
  openDer,
  smallNumber,
  text,
  truth,
} from '../../src/pki/der-reader.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
const only = (der: Uint8Array) => new DerReader(der).any();

describe('the DER writer', () => {
  it.each([
    ['a short length', der.octetString(new Uint8Array(127)), '047f'],
    ['a length of one octet', der.octetString(new Uint8Array(128)), '048180'],
    ['a length of two octets', der.octetString(new Uint8Array(256)), '04820100'],
    ['a length of three octets', der.octetString(new Uint8Array(65_536)), '0483010000'],
    ['zero', der.smallInteger(0), '020100'],
    ['a sign octet', der.integer(Uint8Array.of(0x80)), '02020080'],
    ['no leading zeros', der.integer(Uint8Array.of(0, 0, 1)), '020101'],
    ['an OID with long arcs', der.oid('1.2.840.113549.1.1.11'), '06092a864886f70d01010b'],
    ['an OID below 2', der.oid('2.5.29.35'), '0603551d23'],
    ['named bits 5 and 6', der.namedBits([5, 6]), '03020106'],
    ['the named bit 0', der.namedBits([0]), '03020780'],
    ['no named bits', der.namedBits([]), '030100'],
    ['a sorted set', der.set(der.smallInteger(2), der.smallInteger(1)), '3106020101020102'],
    ['the last UTCTime', der.time(Date.UTC(2049, 11, 31, 23, 59, 59, 999)), `170d${hex(Buffer.from('491231235959Z'))}`],
    ['the first GeneralizedTime', der.time(Date.UTC(2050, 0, 1)), `180f${hex(Buffer.from('20500101000000Z'))}`],
    ['a time before 1950', der.time(Date.UTC(1949, 11, 31)), `180f${hex(Buffer.from('19491231000000Z'))}`],
  ])('writes %s', (_name, encoded, start) => {
    expect(hex(encoded).slice(0, start.length)).toBe(start);
  });

  it('refuses what it cannot write', () => {
    expect(() => der.smallInteger(-1)).toThrow(RangeError);
    expect(() => der.smallInteger(2 ** 53)).toThrow(RangeError);
    expect(() => der.asciiString('ä')).toThrow(RangeError);
    expect(() => der.time(Number.NaN)).toThrow(RangeError);
    expect(() => der.time(Date.UTC(10_000, 0, 1))).toThrow(RangeError);
  });

  it('is read back by the reader', () => {
    const arcs = fc.array(fc.nat(0x7fffffff), { minLength: 0, maxLength: 6 });
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        arcs,
        fc.string({ unit: 'grapheme' }),
        (octets, rest, string) => {
          const id = ['1', '3', ...rest].join('.');
          const reader = openDer(der.sequence(der.integer(octets), der.oid(id), der.utf8String(string)), 0x30, 10_000);
          expect(BigInt(`0x0${hex(magnitude(reader.any()))}`)).toBe(BigInt(`0x${hex(octets)}`));
          expect(dotted(reader.any().content)).toBe(id);
          expect(text(reader.any())).toBe(string);
          reader.end();
        },
      ),
    );
  });

  it('writes times that are read back to the second', () => {
    fc.assert(
      fc.property(fc.integer({ min: Date.UTC(1900, 0), max: Date.UTC(9999, 11, 31) }), (instant) => {
        expect(instantOf(only(der.time(instant)))).toBe(Math.floor(instant / 1_000) * 1_000);
      }),
    );
  });
});

describe('the DER reader', () => {
  it.each([
    ['nothing', ''],
    ['an indefinite length', '30800000'],
    ['a long form that could be short', '04810100'],
    ['a leading zero in the length', '0482008000'],
    ['a length of five octets', '04850000000001aa'],
    ['a length beyond the input', '0402aa'],
    ['a length that overflows', '0484ffffffff'],
    ['a tag alone', '30'],
    ['a high tag number', '1f8100'],
    ['the end-of-contents tag', '0000'],
  ])('refuses %s', (_name, input) => {
    expect(() => only(bytes(input))).toThrow(DerError);
  });

  it.each([
    ['an empty integer', () => magnitude(only(bytes('0200')))],
    ['a negative integer', () => magnitude(only(bytes('0201ff')))],
    ['an integer with a needless zero', () => magnitude(only(bytes('02020001')))],
    ['a number of more than 48 bits', () => smallNumber(only(bytes('020701000000000000')))],
    ['a boolean of 1', () => truth(only(bytes('010101')))],
    ['an OID with a leading 0x80 in an arc', () => dotted(bytes('2a8001'))],
    ['an OID cut within an arc', () => dotted(bytes('2a86'))],
    ['an OID of 65 octets', () => dotted(new Uint8Array(65).fill(1))],
    ['broken UTF-8', () => text(only(bytes('0c02c328')))],
    ['a time without seconds', () => instantOf(only(der.encode(0x17, Buffer.from('2701151200Z'))))],
    ['a time with an offset', () => instantOf(only(der.encode(0x17, Buffer.from('270115120000+0100'))))],
    ['30 February', () => instantOf(only(der.encode(0x17, Buffer.from('270230120000Z'))))],
    ['hour 24', () => instantOf(only(der.encode(0x17, Buffer.from('270115240000Z'))))],
    ['trailing bytes', () => openDer(bytes('30000500'), 0x30, 100)],
    ['more bytes than allowed', () => openDer(new Uint8Array(101), 0x30, 100)],
    ['another tag', () => openDer(bytes('3100'), 0x30, 100)],
  ])('refuses %s', (_name, read) => {
    expect(read).toThrow(DerError);
  });

  it('reads arcs of any size that an OID has room for', () => {
    expect(dotted(bytes('2affffffffffff7f'))).toBe('1.2.562949953421311');
    expect(dotted(bytes('2affffffffffffff7f'))).toBe('1.2.72057594037927935');
    // The UUID f81d4fae-7dec-11d0-a765-00a0c91e6bf6 of X.667.
    expect(dotted(bytes('6983f09da7ebcfdee0c7a1a7b2c0948cc8f9d776'))).toBe(
      '2.25.329800735698586629295641978511506172918',
    );
    expect(dotted(Buffer.concat([new Uint8Array(63).fill(0xff), Buffer.of(0x7f)]))).toBe(`2.${(1n << 448n) - 81n}`);
  });

  it('enters no deeper than its limit', () => {
    let nested = der.sequence();
    for (let i = 0; i < derDepthMax + 1; i += 1) nested = der.sequence(nested);
    const descend = () => {
      let reader = new DerReader(nested);
      while (!reader.atEnd) reader = reader.enter(0x30);
    };
    expect(descend).toThrow('nested too deeply');
  });

  it('throws nothing but DerError, and never reads outside what it was given', () => {
    const readAll = (reader: DerReader): void => {
      while (!reader.atEnd) {
        const element = reader.any();
        for (const decode of [magnitude, smallNumber, truth, instantOf, text]) tolerate(() => decode(element));
        tolerate(() => dotted(element.content));
        if (element.tag & 0x20) tolerate(() => readAll(new DerReader(element.content, 8)));
      }
    };
    const tolerate = (work: () => unknown): void => {
      try {
        work();
      } catch (error) {
        expect(error).toBeInstanceOf(DerError);
      }
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (input) => tolerate(() => readAll(new DerReader(input)))),
      { numRuns: 2_000 },
    );
  });
});
