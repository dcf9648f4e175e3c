// Certificates that a decision leaves too little time are told a line a reason, however many there are.
import { describe, expect, it } from 'vitest';
import { Toll } from '../../src/app/renewal/toll.ts';
import { shortLines } from '../../src/app/short-lines.ts';
import type { ShortDevice } from '../../src/app/views/decisions.ts';

const endsAt = Date.UTC(2030, 0, 1);
const left = (toll: Toll, why: ShortDevice['why'], count: number): void => {
  for (let n = 1; n <= count; n += 1) {
    toll.leavesShort({ id: `${why}-${n}`, owner: n === 1 ? 'anna' : '', serial: '1b', endsAt, dueAt: null, why });
  }
};
const paces = { offersPerSecond: 1, mostPerDay: 86_400 };

describe('what is left too little time', () => {
  it('is one line for each reason, with the first and the names of the others', () => {
    const toll = new Toll();
    left(toll, 'no_grace', 3);
    left(toll, 'too_late', 1);
    const { reasons, devices } = toll.view(paces);
    const [first, second, ...none] = shortLines(reasons, devices);
    expect(first).toMatch(
      /^3 certificates: it has ended.*; the first is that of no_grace-1 \(anna\), which ends 2030-01-01T00:00:00.000Z; then no_grace-2, no_grace-3$/,
    );
    expect(second).toMatch(
      /^1 certificate: less time is left.*; the first is that of too_late-1 \(anna\), which ends \S+Z$/,
    );
    expect(none).toEqual([]);
  });

  it('counts those that are not named, also where it goes on after a pause', () => {
    const toll = new Toll();
    left(toll, 'no_grace', 22);
    const kept = Toll.from(JSON.parse(JSON.stringify(toll.kept())) as ReturnType<Toll['kept']>);
    left(kept, 'no_grace', 3);
    const { reasons, devices, short } = kept.view(paces);
    expect(short).toBe(25);
    const [line, ...none] = shortLines(reasons, devices);
    expect(line).toMatch(/^25 certificates: .*, no_grace-20 and 5 more$/);
    expect(none).toEqual([]);
  });

  it('is a refusal whose first line has all of it, and whose next has the reason once', () => {
    const toll = new Toll();
    left(toll, 'no_grace', 22);
    const [objection] = toll.objections(86_400);
    expect(objection?.sentence).toMatch(
      /^22 certificates would have too little time to be replaced; the first is that of no_grace-1/,
    );
    expect(objection?.named).toHaveLength(1);
  });
});
