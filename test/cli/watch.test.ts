import { describe, expect, it } from 'vitest';
import { frame } from '../../src/cli/watch.ts';

const now = Date.parse('2026-11-30T23:00:00Z');
const size = { rows: 6, columns: 20 };
/** What a terminal of this size shows, that showed something else before. */
function drawn(text: string): string[] {
  const without = ['H', 'K', 'J'].reduce((all, each) => all.replaceAll(`\u001b[${each}`, ''), frame(text, now, size));
  return without.split('\n');
}

describe('a frame', () => {
  it('has the text and the time', () => {
    expect(drawn('one\ntwo\n')).toEqual(['one', 'two', '', '2026-11-30T23:00:00Z']);
  });

  it('fits the terminal, and says how many lines do not', () => {
    const lines = drawn(Array.from({ length: 9 }, (_, i) => `line ${i} is rather too long`).join('\n'));
    expect(lines).toHaveLength(size.rows);
    expect(lines[3]).toBe('… 6 more lines');
    expect(lines.every((line) => line.length <= size.columns)).toBe(true);
  });

  it('leaves nothing of what was there before', () => {
    const text = frame('one', now, size);
    expect(text.startsWith('\u001b[H')).toBe(true);
    expect(text.endsWith('\u001b[J')).toBe(true);
    expect(
      text
        .split('\n')
        .slice(0, -1)
        .every((line) => line.endsWith('\u001b[K')),
    ).toBe(true);
  });
});
