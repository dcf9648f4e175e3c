// The glossary has each word once, in the order in which it is looked up, with what it means.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const page = readFileSync('docs/glossary.md', 'utf8');
const [words = ''] = page.split('\n## Names that say something else\n');
const chapters = words.split('\n## ').slice(1);

function rowsOf(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| word '));
  return lines.map((line) => line.split('|').map((cell) => cell.trim()));
}

it('has each word once', () => {
  const all = rowsOf(words).map(([, word = '']) => word);
  expect(all.length).toBeGreaterThan(60);
  expect(all.filter((word, index) => all.indexOf(word) !== index)).toEqual([]);
});

it.each(chapters)('has the words of a chapter in order, each with its meaning', (chapter) => {
  const rows = rowsOf(chapter);
  const listed = rows.map(([, word = '']) => word);
  expect(listed).toEqual(listed.toSorted());
  for (const [, , meaning = ''] of rows) expect(meaning).toMatch(/\.$/);
});
