// What a hand-written reader of the enrollment's CBOR must understand and what it must refuse, beside the vectors.
import { modeNumbers } from '../../src/wire/fields.ts';
import { written } from '../wire/vectors.ts';

/** The fields that the readers of examples/ know, as they print them. */
const known = [
  'renewal',
  'mode',
  'size',
  'sha256',
  'code',
  'retires',
  'retryAfter',
  'offset',
  'total',
  'bytes',
  'port',
];

interface Case {
  readonly cbor: string;
  /** Null: refused. */
  readonly read: Readonly<Record<string, unknown>> | null;
}

const understood: readonly Case[] = written.map(({ message, cbor }) => {
  const fields = Object.entries(message).filter(([name]) => known.includes(name));
  const numbered = fields.map(([name, value]) => [name, modeNumbers[value as keyof typeof modeNumbers] ?? value]);
  return { cbor, read: Object.fromEntries(numbered) };
});

const stepsOver: readonly Case[] = [
  { cbor: 'b9000119000518ff', read: { size: 255 } }, // longer heads than needed
  { cbor: 'a2187f8282000182a1000102050a', read: { size: 10 } }, // a field of a later version, with things in things
  { cbor: 'a2050a01616b', read: { size: 10, renewal: 'k' } }, // any order
];

const refused: readonly Case[] = [
  ...written.flatMap(({ cbor }) =>
    Array.from({ length: cbor.length / 2 }, (_, at) => ({ cbor: cbor.slice(0, 2 * at), read: null })),
  ),
  ...[
    'a000', // something after the map
    'a205010501', // a key twice
    'bf0501ff', // no lengths
    'a101 7f61 6bff',
    'a105f93c00', // a float
    'a105c101', // a tag
    'a10520', // a negative number
    'a1051b0000000000000001', // 8 bytes, whatever the number
    'a10560', // a text for a number
    'a10105', // a number for a text
    'a10160', // no renewal
    `a10171${'61'.repeat(17)}`, // one too long
    `a106581f${'00'.repeat(31)}`, // a digest of 31 bytes
    'a1145affffffff', // longer than everything
    'a1189affffffff00',
    'a1181b9affffffff',
    'a1181bbaffffffff',
    `a1181b${'81'.repeat(120)}`, // never ends
    'a18000', // an array for a key
    '80',
    '00',
  ].map((cbor) => ({ cbor: cbor.replaceAll(' ', ''), read: null })),
];

const cases = [...understood, ...stepsOver, ...refused];

/** What to hand to a reader, a line each, and what it must print for it. */
export const cborLines = cases.map(({ cbor }) => `${cbor}\n`).join('');
export const cborExpected = cases.map(({ cbor, read }) => ({ cbor, read }));

/** A reader's output beside the cases, for comparison. */
export function cborAnswers(output: string): unknown[] {
  const lines = output.trimEnd().split('\n');
  return lines.map((line, at) => ({ cbor: cases[at]?.cbor, read: line === 'refused' ? null : JSON.parse(line) }));
}
