// Every page can be read in a terminal and leads where it says: no wide line, no dead link, a table of contents on long pages.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { allPages, contentsOf, headingsOf, leadsSomewhere, linksOf, wideLines } from './pages.ts';

const columnsMax = 120;
const linesWithoutContents = 300;

/** An entry of the changelog is one line, so that two branches which add one each can be merged. */
const oneLineAnEntry = new Set(['CHANGELOG.md']);

const pages = allPages().map((page) => ({ page, text: readFileSync(page, 'utf8') }));

describe('the pages', () => {
  it('are found', () => {
    const names = pages.map(({ page }) => page);
    expect(names).toEqual(expect.arrayContaining(['README.md', 'docs/protocol.md', 'examples/c/README.md']));
  });

  it.each(pages.filter(({ page }) => !oneLineAnEntry.has(page)))('$page has no line over 120 columns', ({ text }) => {
    expect(wideLines(text, columnsMax)).toEqual([]);
  });

  it.each(pages)('$page leads only to files and headings that are there', ({ page, text }) => {
    expect(linksOf(text).filter((link) => !leadsSomewhere(page, link))).toEqual([]);
  });

  const isLong = (text: string): boolean => text.split('\n').length > linesWithoutContents;
  const long = pages.filter(({ page, text }) => isLong(text) && !oneLineAnEntry.has(page));
  it.each(long)('$page is long and begins with a table of contents', ({ text }) => {
    const chapters = headingsOf(text).filter(({ level }) => level === 2);
    expect(contentsOf(text)).toEqual(expect.arrayContaining(chapters.map(({ anchor }) => anchor)));
  });
});

describe('a page is read as its readers see it', () => {
  it('takes wide prose and commands for faults, and tables, bytes and single words not', () => {
    const wide = 'word '.repeat(30);
    const page = [wide, `| ${wide}|`, '```sh', wide, '```', '```json', wide, '```', 'x'.repeat(130), '`x`'].join('\n');
    expect(wideLines(page, columnsMax)).toEqual([1, 4]);
  });

  it('finds links in prose alone, and the anchors of headings that look alike', () => {
    expect(linksOf('[a](b.md#c) `[d](e.md)` <img src="f.svg">\n```\n[g](h.md)\n```\n[i](https://j)')).toEqual([
      'b.md#c',
      'f.svg',
    ]);
    const headings = headingsOf('# A `b`: c\n## Two words\n## Two words\n```\n## not one\n```');
    expect(headings.map(({ anchor }) => anchor)).toEqual(['a-b-c', 'two-words', 'two-words-1']);
  });

  it('finds links to a missing file and to a missing heading', () => {
    expect(leadsSomewhere('docs/broker.md', 'configuration.md#limits')).toBe(true);
    expect(leadsSomewhere('docs/broker.md', '#limits')).toBe(true);
    expect(leadsSomewhere('docs/broker.md', 'configuration.md#nothing')).toBe(false);
    expect(leadsSomewhere('docs/broker.md', 'nothing.md')).toBe(false);
  });
});
