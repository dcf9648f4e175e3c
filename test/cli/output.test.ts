import { describe, expect, it, vi } from 'vitest';
import { answer, cell, fields } from '../../src/cli/output.ts';
import { cut, fold, table } from '../../src/cli/table.ts';

// What moves the cursor, colours, ends a line, or turns the direction of writing so that a line reads otherwise than it is.
const hostile = '\u001b[2J\u009b31mok\r\nfake  row\u2028x\u202egnissim\u2069\u200f';

describe('a table', () => {
  it('stands as it is while there is room', () => {
    expect(table(['ID', cut('OWNER'), fold('DETAIL')], [['a', 'o'.repeat(40), 'it  is so']])).toBe(
      `ID  OWNER${' '.repeat(35)}  DETAIL\na   ${'o'.repeat(40)}  it  is so\n`,
    );
  });

  it('gives way in the widest column that can: it folds at words, and cuts', () => {
    const detail = `${'it is so '.repeat(10)}that ${'x'.repeat(30)}`;
    const text = table(['ID', cut('OWNER'), fold('DETAIL')], [['a'.repeat(64), 'water-operations', detail]]);
    expect(
      text
        .split('\n')
        .map((line) => line.length)
        .every((length) => length <= 102),
    ).toBe(true);
    const [, first = '', ...rest] = text.trimEnd().split('\n');
    expect(first).toMatch(/^a{64} {2}water-ope… {2}it is so it is so it is$/);
    expect(rest.every((line) => line.startsWith(' '.repeat(78)))).toBe(true);
    const folded = [first.slice(78), ...rest.map((line) => line.slice(78))];
    expect(folded.join('').replaceAll(' ', '')).toBe(detail.replaceAll(' ', ''));
  });

  it('cuts no character in two', () => {
    const text = table(['A'.repeat(90), cut('B')], [['a', `${'b'.repeat(8)}😀${'b'.repeat(9)}`]]);
    expect(text).toContain('bbbbbbbb…');
    expect(Buffer.from(text).toString()).toBe(text);
  });
});

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

  it('is no more in JSON, which says the same', () => {
    const written: string[] = [];
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
    const value = { [hostile]: [hostile, `\u007f\u0000${hostile}`], plain: 'Süd' };
    answer('json', value, () => '');
    write.mockRestore();
    expect(JSON.parse(written.join(''))).toEqual(value);
    expect(written.join('').replaceAll('\n', '')).toMatch(/^[\x20-\x7eü]*$/);
  });

  it('keeps its letters, whatever the language', () => {
    expect(cell('Wasserwerk Süd · مضخة · насос · ポンプ')).toBe('Wasserwerk Süd · مضخة · насос · ポンプ');
  });
});
