import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { admissionReasons } from '../../src/domain/admission.ts';
import { enrollmentCodes } from '../../src/domain/errors.ts';
import { keyModes } from '../../src/domain/policy.ts';
import { renewalStates } from '../../src/domain/renewal.ts';
import { downWords, upWords } from '../../src/domain/topics.ts';
import { fields, modeNumbers, payloadBytesMax, statusNumbers } from '../../src/wire/index.ts';
import { certificatesMax, codeLengthMax, detailLengthMax, nestingMax, secondsMax } from '../../src/wire/limits.ts';
import { written } from './vectors.ts';

const page = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');

/** The text under a heading of the second level, up to the next. */
function section(heading: string): string {
  const [, after = ''] = page.split(`\n## ${heading}\n`);
  return after.split('\n## ')[0] ?? '';
}

/** The cells of every table row, without heads and rules, code marks taken off the first. */
function rows(text: string): string[][] {
  const cells = text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').slice(1, -1));
  return cells.map((row) => row.map((cell, index) => (index === 0 ? cell.trim().replaceAll('`', '') : cell.trim())));
}

const pairs = (text: string) => rows(text).map(([name, meaning]) => [name, meaning]);

describe('docs/protocol.md and the code say the same about', () => {
  it('the words and their ways', () => {
    const words = [...upWords.map((word) => [word, 'up']), ...downWords.map((word) => [word, 'down'])];
    expect(pairs(section('Topics'))).toEqual(words);
  });

  it('the error codes and their meanings', () => {
    expect(pairs(section('Error codes'))).toEqual(Object.entries(enrollmentCodes));
  });

  it('the admission reasons and their meanings', () => {
    expect(pairs(section('Admission'))).toEqual(Object.entries(admissionReasons));
  });

  it('the numbers of the CBOR fields', () => {
    const table = rows(section('Encodings'));
    expect(table.map(([name, number]) => [name, Number(number)])).toEqual(Object.entries(fields));
    const typeOf = (field: string) => table.find(([name]) => name === field)?.[2];
    const list = (numbers: object) =>
      `integer: ${Object.entries(numbers)
        .map(([name, number]) => `${number} is \`${name}\``)
        .join(', ')}`;
    expect(typeOf('mode')).toBe(list(modeNumbers));
    expect(typeOf('status')).toBe(list(statusNumbers));
    expect(Object.keys(modeNumbers)).toEqual(keyModes);
  });

  it("the renewal's states", () => {
    const diagram = page.split('stateDiagram-v2')[1]?.split('```')[0] ?? '';
    const named = [...diagram.matchAll(/^ +(\S+) --> ([^\s:]+)/gm)].flatMap(([, from, to]) => [from, to]);
    const states = new Set(named.filter((name) => name !== '[*]'));
    expect([...states].sort()).toEqual([...renewalStates].sort());
  });

  it('the byte-exact examples', () => {
    const shown = [...page.matchAll(/<!-- vector: (\S+) -->\n```json\n(.*)\n```\n\n```text\n([^`]*)```/g)];
    const examples = shown.map(([, name, json, cbor]) => ({ name, json, cbor: cbor?.replaceAll('\n', '') }));
    const expected = written.map(({ name, json, cbor }) => ({ name, json, cbor }));
    const byName = (a: { name?: string | undefined }, b: { name?: string | undefined }) =>
      (a.name ?? '') < (b.name ?? '') ? -1 : 1;
    expect(examples.sort(byName)).toEqual(expected.sort(byName));
    expect(page.match(/<!-- vector:/g)).toHaveLength(written.length);
  });

  it('the limits', () => {
    const limits = section('Limits');
    const stated = [payloadBytesMax.toLocaleString('en'), nestingMax, certificatesMax, secondsMax];
    for (const limit of stated) expect(limits).toMatch(new RegExp(`\\b${limit}\\b`));
    expect(limits).toContain(`${codeLengthMax} and ${detailLengthMax} characters`);
  });
});
