// What the store remembers of what it was asked: bounded, and never what is not committed.
import { describe, expect, it } from 'vitest';
import type { Delegation } from '../../../src/domain/delegation.ts';
import { Remembered } from '../../../src/store/remembered.ts';
import { speakers } from '../../../src/store/speakers.ts';
import { ofSite } from './delegations.ts';
import { idOf, principal } from './rows.ts';

describe('what the store remembers', () => {
  it('is bounded: the oldest goes first', () => {
    const known = new Remembered<number>(2, () => false);
    for (const [at, key] of ['a', 'b', 'c'].entries()) known.keep(key, at);
    expect([known.size, known.get('a'), known.get('b'), known.get('c')]).toEqual([2, undefined, 1, 2]);
    known.forget();
    expect([known.size, known.get('c')]).toEqual([0, undefined]);
  });

  it('is nothing of an open transaction, and no id that nobody has', () => {
    let isOpen = true;
    let reads = 0;
    const known = speakers(
      {
        principal: (id) => {
          reads += 1;
          return id === 'nobody' ? null : principal(id);
        },
        delegationsFor: (): Delegation[] => [],
      },
      () => isOpen,
    );
    const ask = (): void => void ['a', 'a', 'nobody', 'nobody'].map((id) => known.principal(idOf(id)));
    ask();
    expect([reads, known.size]).toEqual([4, 0]);
    isOpen = false;
    ask();
    expect([reads, known.size]).toEqual([7, 1]);
    known.changed();
    ask();
    expect([reads, known.size]).toEqual([10, 1]);
  });

  it('is no long list: a device that many delegations name is looked up each time', () => {
    const naming = (count: number) => Array.from({ length: count }, (_, i) => ofSite(`d${i}`, 'north'));
    let reads = 0;
    const known = speakers(
      {
        principal: () => null,
        delegationsFor: (id) => {
          reads += 1;
          return naming(id === 'few' ? 4 : 5);
        },
      },
      () => false,
    );
    for (const id of ['few', 'few', 'many', 'many']) known.delegationsFor(idOf(id), 'north');
    expect([reads, known.size]).toEqual([3, 1]);
  });
});
