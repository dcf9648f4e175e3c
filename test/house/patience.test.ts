// Tests wait for what is sure to come as long as a busy machine needs: no wait ends before a minute. A shorter one saves nothing when
// it passes, and fails where fifteen processes share two cores.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const leastMs = 60_000;
const opening = /(?:\.poll|vi\.waitFor|vi\.waitUntil)\(/g;

const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .map((file) => join('test', file))
  .filter((file) => file.endsWith('.ts') && !/^test\/(?:peers|bench)\//.test(file));

/** What stands between a parenthesis, from `begin` on, and the one that closes it. Of text and patterns only whole pairs count. */
function argumentsAt(text: string, begin: number): string {
  let depth = 1;
  let at = begin;
  for (; depth > 0 && at < text.length; at += 1)
    depth += '([{'.includes(text[at] ?? '') ? 1 : ')]}'.includes(text[at] ?? '') ? -1 : 0;
  return text.slice(begin, at - 1).replace(/,?\s*$/, '');
}

/** The bound of one wait: 0 when it has none of its own, which for `vi.waitFor` is a second. A name is a constant of some length. */
function boundOf(call: string): number {
  const [, named, last] = /(?:timeout: ([\d_]+)[^()]*|,\s*([\d_]+))$/.exec(call) ?? [];
  return Number((named ?? last ?? '0').replaceAll('_', ''));
}

it('no wait for an event ends before a minute', () => {
  const short = files.flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    return [...text.matchAll(opening)].flatMap(({ 0: name, index }) => {
      const call = argumentsAt(text, index + name.length);
      const bound = boundOf(call);
      const isFine = bound >= leastMs || (bound === 0 && (name === '.poll(' || /,\s*(?:patience|soon)$/.test(call)));
      return isFine ? [] : [`${file}: ${name}${call.slice(0, 60)}`];
    });
  });
  expect(short).toEqual([]);
});
