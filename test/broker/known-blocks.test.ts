// Address blocks of known certificates: what is remembered, and what is to be written down.
import { describe, expect, it } from 'vitest';
import { KnownBlocks, knownBlocksMax } from '../../src/broker/door/known-blocks.ts';

const day = 86_400_000;

describe('known blocks', () => {
  it('are written once a day, however often somebody comes from there', () => {
    const known = new KnownBlocks();
    known.note('192.0.2.1', 0);
    known.note('192.0.2.1', 1);
    expect(known.take(10, 2)).toEqual(['192.0.2.1']);
    known.note('192.0.2.1', day);
    expect(known.take(10, day)).toEqual([]);
    known.note('192.0.2.1', day + 3);
    expect(known.take(10, day + 3)).toEqual(['192.0.2.1']);
  });

  it('are known from before, and written again at their next connect', () => {
    const known = new KnownBlocks(['192.0.2.1', '192.0.2.2']);
    expect([known.has('192.0.2.1'), known.has('192.0.2.3'), known.size]).toEqual([true, false, 2]);
    expect(known.take(10, 0)).toEqual([]);
    known.note('192.0.2.2', 0);
    expect(known.take(10, 0)).toEqual(['192.0.2.2']);
  });

  it('are taken a few at a time, and again where they could not be written', () => {
    const known = new KnownBlocks();
    for (const block of ['a', 'b', 'c']) known.note(block, 0);
    const first = known.take(2, 0);
    expect(first).toEqual(['a', 'b']);
    known.putBack(first);
    expect(known.take(10, 0).toSorted()).toEqual(['a', 'b', 'c']);
  });

  it('are so many at most: the one that was not seen for longest is forgotten', () => {
    const known = new KnownBlocks(['first', ...Array.from({ length: knownBlocksMax - 1 }, (_, at) => `${at}`)]);
    known.note('first', 0);
    known.note('one more', 0);
    expect([known.size, known.has('first'), known.has('one more'), known.has('0')]).toEqual([
      knownBlocksMax,
      true,
      true,
      false,
    ]);
    const many = new KnownBlocks(Array.from({ length: knownBlocksMax + 1 }, (_, at) => `${at}`));
    expect([many.size, many.has('0')]).toEqual([knownBlocksMax, false]);
  });
});
