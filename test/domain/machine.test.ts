// What is wrong under the gateway, judged from one look to the next.
import { describe, expect, it } from 'vitest';
import { LogJudgement } from '../../src/domain/machine.ts';

describe('the log', () => {
  it('is told of once while it fails, once more when lines are dropped, and not while it only comes and goes', () => {
    const judgement = new LogJudgement();
    const detail = (failure: string | null, dropped: number, now: number) =>
      judgement.judge({ failure, dropped }, now)?.detail ?? null;
    expect(detail(null, 0, 0)).toBeNull();
    expect(detail('ENOSPC', 0, 1_000)).toBe('the log does not get out: ENOSPC');
    expect(detail(null, 0, 2_000)).toBe('the log does not get out: ENOSPC');
    expect(detail('ENOSPC', 7, 3_000)).toBe('the log does not get out: ENOSPC; lines are dropped');
    expect(detail('ENOSPC', 9, 4_000)).toBe('the log does not get out: ENOSPC; lines are dropped');
    expect(detail(null, 9, 63_999)).toBe('the log does not get out: ENOSPC; lines are dropped');
    expect(detail(null, 9, 64_000)).toBeNull();
    expect(detail('EPIPE', 9, 65_000)).toBe('the log does not get out: EPIPE');
  });

  it('that a slow reader keeps from getting out whole is told of as well', () => {
    const judgement = new LogJudgement();
    expect(judgement.judge({ failure: null, dropped: 1 }, 0)?.detail).toBe(
      'the log does not get out: lines are dropped',
    );
  });
});
