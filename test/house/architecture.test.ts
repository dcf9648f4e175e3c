// Every function that ARCHITECTURE.md leads through stands in the file that it names.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const page = readFileSync('ARCHITECTURE.md', 'utf8');

/** The steps of the walks: what each names, and where. */
const steps = page.split('\n').flatMap((line) => {
  const [, name = '', file = ''] = /^\| \d+ \| `([^`]+)` \| `([^`]+)` \|/.exec(line) ?? [];
  return file === '' ? [] : [{ name, file }];
});

/** `Class.method` and `Class.#method` are a method of a class; any other name is declared at the top of its file. */
function declares(text: string, name: string): boolean {
  const [owner = '', method] = name.split('.');
  const isDeclared = new RegExp(`^(?:export )?(?:async )?(?:function|class|const) ${owner}\\b`, 'm').test(text);
  if (method === undefined) return isDeclared;
  return isDeclared && new RegExp(`^ {2}(?:async |get )?${method}\\(`, 'm').test(text);
}

describe('ARCHITECTURE.md', () => {
  it('has six walks', () => {
    expect(steps.filter(({ name }) => name !== '').length).toBeGreaterThan(40);
    expect(page.match(/^\| 1 \|/gm)).toHaveLength(6);
  });

  it.each(steps)('finds $name in $file', ({ name, file }) => {
    expect(declares(readFileSync(file, 'utf8'), name)).toBe(true);
  });

  it('takes no other function for the one that is named', () => {
    const text = 'export class Door {\n  before(): void {}\n}\nfunction inner() {}\n  inside();\n';
    expect(declares(text, 'Door.before')).toBe(true);
    expect(declares(text, 'inner')).toBe(true);
    expect(declares(text, 'Door.after')).toBe(false);
    expect(declares(text, 'Window.before')).toBe(false);
    expect(declares(text, 'inside')).toBe(false);
  });
});
