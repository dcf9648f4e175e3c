// Wraps the prose of Markdown pages at 120 columns: `node tools/wrap-pages.mjs PAGE...`. It touches only paragraphs and list
// items that have a longer line, and never tables, headings, code blocks or comments.
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

export const columnsMax = 120;

const item = /^(\s*)([-*+]|\d+[.)])\s+/;
const standsAlone = /^\s*(#{1,6}\s|\||>|<|```|~~~|$|!?\[[^\]]+\]:\s)/;
/** What would turn into a list, a heading, a quote or a table at the beginning of a line. */
const begins = /^([-*+]|\d+[.)]|#{1,6}|>.*|\|.*)$/;

/** The words of a text. A code span or a link is one word; what would begin another block hangs on the word before it. */
function wordsOf(text) {
  const words = [];
  for (const [word] of text.matchAll(/(?:`[^`]*`|\[[^\]]*\]\([^)\s]*\)|\S)+/g)) {
    const last = words.length - 1;
    if (last >= 0 && begins.test(word)) words[last] += ` ${word}`;
    else words.push(word);
  }
  return words;
}

function wrapBlock(lines) {
  if (lines.every((line) => line.length <= columnsMax)) return lines;
  const first = lines[0];
  const lead = item.exec(first)?.[0] ?? /^\s*/.exec(first)[0];
  const hang = ' '.repeat(lead.length);
  const wrapped = [];
  let line = lead;
  for (const word of wordsOf(
    lines
      .map((each) => each.trim())
      .join(' ')
      .slice(lead.trim().length),
  )) {
    const isEmpty = line === lead || line === hang;
    if (!isEmpty && line.length + 1 + word.length > columnsMax) {
      wrapped.push(line);
      line = hang + word;
    } else line += isEmpty ? word : ` ${word}`;
  }
  return [...wrapped, line];
}

/** The page with its long paragraphs wrapped. */
export function wrapPage(page) {
  const out = [];
  let block = [];
  let fence = '';
  const flush = () => {
    if (block.length > 0) out.push(...wrapBlock(block));
    block = [];
  };
  for (const line of page.split('\n')) {
    const mark = /^\s*(```|~~~)/.exec(line)?.[1] ?? '';
    if (fence || mark || standsAlone.test(line)) {
      flush();
      out.push(line);
      if (mark && (!fence || mark === fence)) fence = fence ? '' : mark;
    } else {
      if (item.test(line)) flush();
      block.push(line);
    }
  }
  flush();
  return out.join('\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const page of process.argv.slice(2)) {
    const text = readFileSync(page, 'utf8');
    const wrapped = wrapPage(text);
    if (wrapped !== text) writeFileSync(page, wrapped);
  }
}
