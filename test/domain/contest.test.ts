import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  afterTakeover,
  type Contest,
  freeTakeovers,
  isContending,
  isContested,
  type Takeover,
  tenureMaxMs,
  tenureMs,
} from '../../src/domain/contest.ts';
import { second } from './samples.ts';

const rival: Takeover = { from: '192.0.2.1', over: '198.51.100.7', silentMs: 60 };
const again = { ...rival, from: rival.over };

/** After so many takeovers, each as soon as it may be. */
function fought(times: number, takeover = rival): { contest: Contest | null; now: number; waits: number[] } {
  let contest: Contest | null = null;
  let now = 0;
  const waits: number[] = [];
  for (let i = 0; i < times; i += 1) {
    const wait = tenureMs(contest, takeover, now);
    waits.push(wait);
    now += wait;
    contest = afterTakeover(contest, takeover, now);
  }
  return { contest, now, waits };
}

describe('a client id that two connections take from each other', () => {
  it('is taken at once at first, then later each time, and never later than the bound', () => {
    const { waits } = fought(40);
    expect(waits.slice(0, freeTakeovers + 1).every((wait) => wait === 0)).toBe(true);
    const longer = waits.slice(freeTakeovers + 1, freeTakeovers + 6);
    for (const [i, wait] of longer.entries()) expect(wait).toBeGreaterThan(longer[i - 1] ?? 0);
    expect(Math.max(...waits)).toBe(tenureMaxMs);
    // It stays there for as long as they go on.
    expect(waits.slice(-20).every((wait) => wait === tenureMaxMs)).toBe(true);
  });

  it('is contested after a few of them, and forgotten some minutes after the last', () => {
    expect(isContested(fought(freeTakeovers).contest, 0)).toBe(false);
    const { contest, now } = fought(freeTakeovers + 4);
    expect(isContested(contest, now)).toBe(true);
    expect(tenureMs(contest, again, now + 15 * 60 * second)).toBe(0);
  });

  it.each<[string, Takeover, boolean]>([
    ['two addresses, both there', rival, true],
    ['one address, both speaking: a copy behind the same NAT', { ...rival, from: rival.over }, true],
    ['one address, the one that is there silent: a lost connection', { ...again, silentMs: 6 * second }, false],
    ['another address, the one that is there silent for long', { ...rival, silentMs: 31 * second }, false],
    ['one /64 of IPv6', { from: '2001:db8::1', over: '2001:db8::2', silentMs: 6 * second }, false],
  ])('%s', (_what, takeover, expected) => {
    expect(isContending(takeover)).toBe(expected);
    // Who does not contend waits for nothing, however hard others fought, and adds nothing.
    const { contest, now } = fought(20);
    expect(tenureMs(contest, takeover, now) === 0).toBe(!expected);
    expect(afterTakeover(contest, takeover, now + 1) === contest).toBe(!expected);
  });

  it('leaves a device that reconnects now and then alone, and bounds every wait', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 60 * second, max: 600 * second })), (gaps) => {
        let contest: Contest | null = null;
        let now = 0;
        for (const gap of gaps) {
          now += gap;
          expect(tenureMs(contest, rival, now)).toBe(0);
          contest = afterTakeover(contest, rival, now);
        }
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 100 * second })), (gaps) => {
        let contest: Contest | null = null;
        let now = 0;
        for (const gap of gaps) {
          now += gap;
          expect(tenureMs(contest, rival, now)).toBeLessThanOrEqual(tenureMaxMs);
          contest = afterTakeover(contest, rival, now);
        }
      }),
    );
  });
});
