// What is told of a file with more faults than anybody reads.
import { describe, expect, it } from 'vitest';
import { Faults } from '../../src/app/faults.ts';

const line = (at: number): string => `line ${at}`;

describe('faults', () => {
  it('are named in the order of where they stand, and those without a place first', () => {
    const faults = new Faults();
    expect(faults.any).toBe(false);
    faults.add(7, 'id: missing');
    faults.add(0, 'gateway: gone');
    faults.add(2, 'id: missing');
    expect(faults.any).toBe(true);
    expect(faults.named((at) => (at > 0 ? line(at) : ''))).toEqual([
      'gateway: gone',
      'line 2: id: missing',
      'line 7: id: missing',
    ]);
  });

  it('in the same words are named twenty times and then counted, so that they hide no other', () => {
    const faults = new Faults();
    for (let at = 2; at <= 1_001; at += 1) {
      faults.add(at, 'sitee: no such field');
      if (at === 900) faults.add(at, 'id: missing');
    }
    const named = faults.named(line);
    expect(named).toHaveLength(22);
    expect(named[19]).toBe('line 21: sitee: no such field');
    expect(named[20]).toBe('line 900: id: missing');
    expect(named[21]).toBe('and 980 more times: sitee: no such field');
  });

  it('are two hundred at most, the rest is a number, and every one is counted once', () => {
    const faults = new Faults();
    for (let at = 1; at <= 300; at += 1) faults.add(at, `id: ${at} is listed already`);
    faults.add(301, 'id: 5 is listed already');
    const named = faults.named(line);
    expect(named).toHaveLength(202);
    expect(named.slice(200)).toEqual(['and 1 more times: id: 5 is listed already', 'and 100 more faults']);
  });
});
