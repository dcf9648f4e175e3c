import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { retryAfterMaxMs, retryAfterMs } from '../../src/domain/retry-after.ts';
import { noon, second } from './samples.ts';

const http = (at: number): string => new Date(at).toUTCString();

describe('what Retry-After asks for', () => {
  it.each<[string, string | undefined, string | undefined, number | null]>([
    ['nothing', undefined, undefined, null],
    ['seconds', '120', undefined, 120 * second],
    ['seconds, with blanks around', ' 7 ', undefined, 7 * second],
    ['no pause', '0', undefined, 0],
    ['more than is obeyed', '999999999999999999999', undefined, retryAfterMaxMs],
    ['a date', http(noon + 90 * second), undefined, 90 * second],
    ['a date that has passed', http(noon - 90 * second), undefined, 0],
    ['a date far ahead', http(noon + 1_000_000 * second), undefined, retryAfterMaxMs],
    ['a date by a clock that is an hour fast', http(noon + 3_660 * second), http(noon + 3_600 * second), 60 * second],
    ['a date beside one that is none', http(noon + 60 * second), 'today', 60 * second],
    ['a date of RFC 850', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun, 06 Nov 1994 08:49:07 GMT', 30 * second],
    ['a date of asctime', 'Sun Nov  6 08:49:37 1994', 'Sun, 06 Nov 1994 08:49:07 GMT', 30 * second],
    ['a number below zero', '-5', undefined, null],
    ['a fraction', '1.5', undefined, null],
    ['words', 'soon', undefined, null],
    ['a date that HTTP does not have', '2027-01-01T00:00:00Z', undefined, null],
    ['a day that is none', 'Mon, 99 Foo 2027 99:99:99 GMT', undefined, null],
  ])('%s', (_what, header, date, expected) => {
    expect(retryAfterMs(header, date, noon)).toBe(expected);
  });

  it('is a pause within bounds, or none, whatever stands there', () => {
    fc.assert(
      fc.property(fc.string(), fc.option(fc.string(), { nil: undefined }), (header, date) => {
        const ms = retryAfterMs(header, date, noon);
        expect(ms === null || (ms >= 0 && ms <= retryAfterMaxMs)).toBe(true);
      }),
    );
  });
});
