import { describe, expect, it } from 'vitest';
import { parseDate } from '../../src/domain/time.ts';

describe('a date', () => {
  it.each([
    ['2030-01-31', '2030-01-31T00:00:00Z'],
    ['2030-01-31T10:20', '2030-01-31T10:20:00Z'],
    ['2030-01-31T10:20:30Z', '2030-01-31T10:20:30Z'],
    ['2030-01-31T10:20+02:00', '2030-01-31T08:20:00Z'],
    ['2028-02-29', '2028-02-29T00:00:00Z'],
  ])('%s is read in UTC, where it says nothing else', (text, expected) => {
    expect(parseDate(text)).toBe(Date.parse(expected));
  });

  it.each([
    '2030-02-30',
    '2029-02-29',
    '2030-13-01',
    '2030-00-10',
    '2030-01-31T25:00',
    '30-01-31',
    '2030-1-1',
    'soon',
    '',
  ])('%s is none', (text) => {
    expect(parseDate(text)).toBeNull();
  });
});
