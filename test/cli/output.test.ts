import { describe, expect, it } from 'vitest';
import { cell, fields, table } from '../../src/cli/output.ts';

// What moves the cursor, colours, ends a line, or turns the direction of writing so that a line reads otherwise than it is.
const hostile = '\u001b[2J\u009b31mok\r\nfake  row\u2028x\u202egnissim\u2069\u200f';

describe('what the inventory or a device has a hand in', () => {
  it.each([
    ['a table', table(['SUBJECT', 'DETAIL'], [['pump-1', cell(hostile)]])],
    ['a field', fields([['detail', cell(hostile)]])],
  ])('is one line of %s, and what is printed is what there is', (_, text) => {
    const lines = text.split('\n');
    expect(lines.at(-1)).toBe('');
    expect(lines.at(-2)).toMatch(/ {2}\?\[2J\?31mok\?\?fake {2}row\?x\?gnissim\?\?$/);
    expect(lines.slice(0, -1).join('')).toMatch(/^[\x20-\x7e]*$/);
  });

  it('keeps its letters, whatever the language', () => {
    expect(cell('Wasserwerk Süd · مضخة · насос · ポンプ')).toBe('Wasserwerk Süd · مضخة · насос · ポンプ');
  });
});
