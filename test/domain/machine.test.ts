// What is wrong under the broker, judged from one look to the next.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { descriptorBounds, judgeDescriptors, judgeExposures, LogJudgement } from '../../src/domain/machine.ts';

describe('the log', () => {
  it('is told of once while it fails, once more when lines are dropped, and not while it only comes and goes', () => {
    const judgement = new LogJudgement();
    const detail = (failure: string | null, dropped: number, now: number) =>
      judgement.judge({ failure, dropped }, now)?.detail ?? null;
    expect(detail(null, 0, 0)).toBeNull();
    expect(detail('ENOSPC', 0, 1_000)).toBe('log lines are not written: ENOSPC');
    expect(detail(null, 0, 2_000)).toBe('log lines are not written: ENOSPC');
    expect(detail('ENOSPC', 7, 3_000)).toBe('log lines are not written: ENOSPC; lines are dropped');
    expect(detail('ENOSPC', 9, 4_000)).toBe('log lines are not written: ENOSPC; lines are dropped');
    expect(detail(null, 9, 63_999)).toBe('log lines are not written: ENOSPC; lines are dropped');
    expect(detail(null, 9, 64_000)).toBeNull();
    expect(detail('EPIPE', 9, 65_000)).toBe('log lines are not written: EPIPE');
  });

  it('that a slow reader keeps from getting out whole is told of as well', () => {
    const judgement = new LogJudgement();
    expect(judgement.judge({ failure: null, dropped: 1 }, 0)?.detail).toBe(
      'log lines are not written: lines are dropped',
    );
  });
});

describe('file descriptors', () => {
  it('are kept from devices, and fewer of them from HTTP, whatever the limit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 256, max: 2_000_000 }), (limit) => {
        const { mqtt, http, httpConnections } = descriptorBounds(limit);
        // Strangers may have half of what devices have: with HTTP's part some is left for those that are known.
        expect(httpConnections).toBeGreaterThanOrEqual(16);
        expect(mqtt / 2 + httpConnections).toBeLessThanOrEqual((mqtt * 2) / 3);
        expect(mqtt).toBeGreaterThanOrEqual(limit / 2);
        expect(http - mqtt).toBeGreaterThanOrEqual(16);
        expect(limit - http).toBeGreaterThanOrEqual(16);
      }),
    );
  });

  it('are told of before the first connection is refused, and over only with plenty of them', () => {
    const severityOf = (open: number, stands: ReturnType<typeof judgeDescriptors> = null) =>
      judgeDescriptors({ open, limit: 1_024 }, stands)?.severity ?? null;
    const { mqtt } = descriptorBounds(1_024);
    expect(mqtt).toBe(896);
    expect(severityOf(700)).toBeNull();
    expect(severityOf(720)).toBe('warning');
    expect(severityOf(mqtt - 1)).toBe('critical');
    const stands = judgeDescriptors({ open: 720, limit: 1_024 }, null);
    expect(severityOf(700, stands)).toBe('warning');
    expect(severityOf(600, stands)).toBeNull();
  });
});

describe('a home that others can reach into', () => {
  it('is critical where they can write it, and names no more than a few of what is so', () => {
    const linked = { kind: 'linked', fault: 'a link' } as const;
    expect(judgeExposures([])).toBeNull();
    expect(judgeExposures([linked])).toMatchObject({ severity: 'warning', detail: 'a link' });
    expect(judgeExposures([linked, { kind: 'written', fault: 'a mode' }])).toMatchObject({ severity: 'critical' });
    expect(judgeExposures(Array.from({ length: 9 }, () => linked))?.detail).toMatch(/; and 4 more$/);
  });
});
