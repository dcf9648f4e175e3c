// The Markdown pages of the repository as they are read: their lines, headings, links and what those lead to.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const folders = ['docs', 'certs', 'examples', '.github', 'test'];

/** Every Markdown page of the repository. */
export function allPages(): string[] {
  const within = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  );
  return [...readdirSync('.'), ...within].filter((file) => file.endsWith('.md'));
}

export interface PageLine {
  readonly number: number;
  readonly text: string;
  /** The language of the code block that the line is in; null outside of one. */
  readonly code: string | null;
}

export function linesOf(text: string): PageLine[] {
  let code: string | null = null;
  return text.split('\n').map((line, index) => {
    const [, mark = ''] = /^\s*(?:```|~~~)(.*)$/.exec(line) ?? [];
    const isFence = /^\s*(?:```|~~~)/.test(line);
    const within = code;
    if (isFence) code = code === null ? mark.trim() : null;
    return { number: index + 1, text: line, code: isFence ? null : within };
  });
}

/** Lines that are too wide. A row of a table cannot be broken, nor a message's bytes, nor a word. */
export function wideLines(text: string, columnsMax: number): number[] {
  const cannotBreak = ({ text: line, code }: PageLine): boolean =>
    line.trimStart().startsWith('|') ||
    code === 'json' ||
    code === 'text' ||
    !/\S\s+\S/.test(line.replace(/\[[^\]]*\]/g, '[]'));
  return linesOf(text)
    .filter((line) => line.text.length > columnsMax && !cannotBreak(line))
    .map(({ number }) => number);
}

export interface Heading {
  readonly level: number;
  readonly anchor: string;
}

/** The headings of a page with the anchors that GitHub gives them. */
export function headingsOf(text: string): Heading[] {
  const given = new Map<string, number>();
  return linesOf(text)
    .filter(({ code }) => code === null)
    .flatMap(({ text: line }) => {
      const [, marks = '', words] = /^(#{1,6}) (.+)$/.exec(line) ?? [];
      if (words === undefined) return [];
      const plain = words.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, '');
      const base = plain
        .trim()
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_\- ]/gu, '')
        .replaceAll(' ', '-');
      const before = given.get(base) ?? 0;
      given.set(base, before + 1);
      return [{ level: marks.length, anchor: before === 0 ? base : `${base}-${before}` }];
    });
}

/** Where the links of a page lead within the repository, as written. */
export function linksOf(text: string): string[] {
  const prose = linesOf(text)
    .filter(({ code }) => code === null)
    .map(({ text: line }) => line)
    .join('\n')
    .replace(/`[^`\n]*`/g, '`');
  const targets = [...prose.matchAll(/\]\(\s*([^)\s]+)\s*\)/g)].map(([, target = '']) => target);
  const sources = [...prose.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, target = '']) => target);
  return [...targets, ...sources].filter((target) => !/^[a-z]+:/.test(target));
}

/** Does a link of the page lead to a file that is there and, with an anchor, to a heading of it? */
export function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : normalize(join(dirname(page), path));
  if (!existsSync(target)) return false;
  if (anchor === undefined) return true;
  return headingsOf(readFileSync(target, 'utf8')).some((heading) => heading.anchor === anchor);
}

/** The anchors that a page's table of contents leads to: links within the page above its first chapter. */
export function contentsOf(text: string): string[] {
  const [above = ''] = text.split('\n## ');
  return linksOf(above)
    .filter((link) => link.startsWith('#'))
    .map((link) => link.slice(1));
}
