import { describe, expect, it } from 'vitest';
import { observe } from '../../src/domain/alert.ts';
import { refusalWords, refusedAgain, standingRefusal } from '../../src/domain/refusal.ts';
import { idOf, noon, second } from './samples.ts';

const refused = { code: 'key_refused', detail: 'rsa', times: 1, firstAt: noon, lastAt: noon } as const;
const own = refusedAgain('r', null, null, refused);
const carried = refusedAgain('r', idOf('gw-1'), null, { ...refused, code: 'mode_not_granted', lastAt: noon + second });

describe('a refusal', () => {
  it('is counted from its first time as long as it stays the same', () => {
    const again = refusedAgain('r', null, own, { ...refused, times: 4, firstAt: noon + 1, lastAt: noon + 9 });
    expect(again).toEqual({ ...own, times: 5, lastAt: noon + 9 });
    const other = refusedAgain('r', null, again, { ...refused, detail: 'dsa', firstAt: noon + 10, lastAt: noon + 10 });
    expect(other).toMatchObject({ detail: 'dsa', times: 1, firstAt: noon + 10 });
    const anew = refusedAgain(
      'r',
      null,
      { ...own, overAt: noon + 1 },
      { ...refused, firstAt: noon + 2, lastAt: noon + 2 },
    );
    expect(anew).toMatchObject({ times: 1, firstAt: noon + 2, overAt: null });
  });

  it('of the device itself comes before a newer one of its gateway, and one that is over tells nothing', () => {
    expect(standingRefusal([carried, own])).toEqual(own);
    expect(standingRefusal([carried, { ...own, overAt: noon }])).toEqual(carried);
    expect(standingRefusal([{ ...carried, overAt: noon }])).toBeNull();
    expect(standingRefusal([])).toBeNull();
  });

  it('is told with its code, words and who was refused', () => {
    expect(refusalWords(own)).toBe('refused: key_refused (rsa)');
    expect(refusalWords(carried)).toBe('refused: mode_not_granted (rsa), through gw-1');
    expect(refusalWords({ ...own, detail: '' })).toBe('refused: key_refused');
  });

  it('that goes on has its alert told anew once an hour, and another at once', () => {
    const finding = { kind: 'renewal_overdue', subject: 'pump-7', severity: 'warning', owner: null } as const;
    const detail = (code: string, times: number) =>
      `open; refused: ${code}, ${times} times, last at 2026-01-01T00:00:0${times}Z`;
    const { alert } = observe(null, { ...finding, detail: detail('a', 2) }, noon);
    expect(observe(alert, { ...finding, detail: detail('a', 3) }, noon + 60 * second).event).toBeNull();
    expect(observe(alert, { ...finding, detail: detail('b', 3) }, noon + 60 * second).event).toBe('updated');
    expect(observe(alert, { ...finding, detail: detail('a', 9) }, noon + 3_600 * second).event).toBe('updated');
  });
});
