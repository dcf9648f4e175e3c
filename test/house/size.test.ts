// No source file is longer than 300 lines and no function longer than 70. The formatter's indentation tells where one ends.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const fileLinesMax = 300;
const functionLinesMax = 70;

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, lines: readFileSync(join('src', name), 'utf8').trimEnd().split('\n') }));

/** Opens a function's body: a declaration, a method or an arrow, on one line or with its parameters on several. */
const opening = /^(\s*)(?:.*\bfunction\b.*|.*=>|(?:(?:static|async|get|set) )*[#\w]+\(.*\)(?:: .+)?|\)(?:: .+)?) \{$/;
const statement = /^\s*(?:if|for|while|switch|catch|return|else)\b|^\s*\} /;

/** The functions of a file, by the line they begin at (from 1), with their length in lines. */
function functionsIn(lines: readonly string[]): { line: number; length: number }[] {
  return lines.flatMap((text, at) => {
    const indent = statement.test(text) ? undefined : opening.exec(text)?.[1];
    if (indent === undefined) return [];
    const begin = text.startsWith(`${indent})`) ? at - beginning(lines.slice(0, at).toReversed(), indent) : at;
    const body = lines.slice(at + 1).findIndex((each) => each.startsWith(`${indent}}`));
    return [{ line: begin + 1, length: at + 1 + body - begin + 1 }];
  });
}

/** How many lines above the end of its parameters a function begins. */
function beginning(above: readonly string[], indent: string): number {
  return above.findIndex((each) => each.startsWith(indent) && !each.startsWith(`${indent} `)) + 1;
}

it('finds functions and their length', () => {
  const lines = [
    'export function a(',
    '  x: X,',
    '): Y {',
    '  if (x) {',
    '    y();',
    '  }',
    '  each(() => {',
    '    z();',
    '  });',
    '}',
  ];
  expect(functionsIn(lines)).toEqual([
    { line: 1, length: 10 },
    { line: 7, length: 3 },
  ]);
  expect(sources.flatMap(({ lines: each }) => functionsIn(each)).length).toBeGreaterThan(500);
});

it('no file is too long', () => {
  expect(sources.filter(({ lines }) => lines.length > fileLinesMax).map(({ name }) => name)).toEqual([]);
});

it('no function is too long', () => {
  const long = sources.flatMap(({ name, lines }) =>
    functionsIn(lines)
      .filter(({ length }) => length > functionLinesMax)
      .map(({ line, length }) => `${name}:${line} has ${length} lines`),
  );
  expect(long).toEqual([]);
});
