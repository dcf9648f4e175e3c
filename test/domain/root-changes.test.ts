import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  afterCame,
  afterWhile,
  type RootChanges,
  reopeningsMax,
  reopeningsWithinMs,
  settledAfterMs,
  unsettledToldMs,
} from '../../src/domain/root-changes.ts';

const minute = 60_000;

/** Somebody who comes as it likes, with what is kept of it, and looked at each minute. */
class Fickle {
  changes: RootChanges | null = null;
  last = 1;
  now = 0;
  /** Each change that was kept, and each line that told of others. */
  readonly kept: number[] = [];
  readonly told: number[] = [];

  come(root: number): void {
    const { changes, isKept } = afterCame(this.changes, this.last, root, this.now);
    this.changes = changes;
    if (isKept) this.#keep(root);
  }

  #keep(root: number): void {
    if (root === this.last) return;
    this.last = root;
    this.kept.push(this.now);
  }

  wait(minutes: number): void {
    for (let at = 0; at < minutes; at += 1) {
      this.now += minute;
      if (!this.changes) continue;
      const { changes, told, settled } = afterWhile(this.changes, this.now);
      this.changes = changes;
      if (told > 0) this.told.push(told);
      if (settled !== null) this.#keep(settled);
    }
  }
}

const roots = fc.constantFrom(1, 2, 3);
const visit = fc.record({
  root: roots,
  minutes: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 200 })),
});
const visits = fc.array(visit, { maxLength: 120 });

describe('whoever goes back and forth between two roots', () => {
  it('has each change kept while there are few of them', () => {
    fc.assert(
      fc.property(fc.array(roots, { maxLength: 30 }), (all) => {
        const someone = new Fickle();
        for (const root of all) {
          someone.come(root);
          expect(someone.last).toBe(root);
          someone.wait(reopeningsWithinMs / minute / (reopeningsMax - 1));
        }
        expect(someone.told).toEqual([]);
      }),
      { numRuns: 20 },
    );
  });

  it('never counts as having proved what it may have forgotten: the kept root is no newer than the last one seen', () => {
    fc.assert(
      fc.property(visits, (all) => {
        const someone = new Fickle();
        for (const { root, minutes } of all) {
          someone.come(root);
          expect(someone.last).toBeLessThanOrEqual(root);
          someone.wait(minutes);
          expect(someone.last).toBeLessThanOrEqual(root);
        }
      }),
    );
  });

  it('counts under the root that it keeps to, an hour later at most, and is forgotten after a day', () => {
    fc.assert(
      fc.property(visits, roots, (all, root) => {
        const someone = new Fickle();
        for (const each of all) {
          someone.come(each.root);
          someone.wait(each.minutes);
        }
        someone.come(root);
        someone.wait(settledAfterMs / minute);
        expect(someone.last).toBe(root);
        someone.wait(reopeningsWithinMs / minute);
        expect(someone.changes).toBeNull();
      }),
    );
  });

  it('is written a bounded number of times, however often it comes, and no change is lost from the count', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 3 }), (everyMinutes, days) => {
        const someone = new Fickle();
        const times = Math.floor((days * unsettledToldMs) / minute / everyMinutes);
        for (let time = 0; time < times; time += 1) {
          someone.come(time % 2 === 0 ? 2 : 1);
          someone.wait(everyMinutes);
        }
        expect(someone.last).toBe(1);
        expect(someone.kept.length).toBe(2 * reopeningsMax);
        expect(someone.told.length).toBeLessThanOrEqual(days);
        someone.wait(settledAfterMs / minute);
        expect(someone.told.reduce((sum, count) => sum + count, 0)).toBe(times - 2 * reopeningsMax);
      }),
      { numRuns: 20 },
    );
  });
});
