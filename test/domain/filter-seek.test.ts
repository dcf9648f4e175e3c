// Looking through sorted topics by seeks: it finds what the filter matches, and looks at little else.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstSeek, nextSeek, type Seek } from '../../src/domain/filter-seek.ts';
import { matches } from '../../src/domain/topics.ts';

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** The topics that are looked at, in their order. */
function lookedAt(filter: string, topics: readonly string[]): string[] {
  const sorted = [...new Set(topics)].sort(byBytes);
  const looked: string[] = [];
  let seek: Seek | null = firstSeek(filter);
  while (seek) {
    const { topic, isIncluded }: Seek = seek;
    const found = sorted.find((each) => byBytes(each, topic) > (isIncluded ? -1 : 0));
    if (found === undefined) break;
    looked.push(found);
    seek = nextSeek(filter, found);
  }
  return looked;
}

// Levels around the separator's place in the order, empty ones, and beyond the first plane of Unicode, where UTF-16 sorts otherwise.
const word = fc.constantFrom(
  '',
  'a',
  'b',
  'a!',
  'a-',
  'a0',
  'ab',
  '!',
  '0',
  'm',
  'mallory',
  '\u{1F600}',
  '\uFFFD',
  '$x',
);
const topic = fc
  .array(word, { minLength: 1, maxLength: 5 })
  .map((levels) => levels.join('/'))
  .filter((text) => text !== '');
const filter = fc
  .tuple(fc.array(fc.oneof(word, fc.constant('+')), { minLength: 1, maxLength: 5 }), fc.boolean())
  .map(([levels, isOpen]) => [...levels, ...(isOpen ? ['#'] : [])].join('/'))
  .filter((text) => text !== '');

describe('the next topic that a filter can match', () => {
  it('is found, each once and in order, whatever else there is', () => {
    fc.assert(
      fc.property(filter, fc.array(topic, { maxLength: 40 }), (pattern, topics) => {
        const looked = lookedAt(pattern, topics);
        expect(looked).toEqual([...new Set(looked)].sort(byBytes));
        const expected = [...new Set(topics)].filter((each) => matches(pattern, each)).sort(byBytes);
        expect(looked.filter((each) => matches(pattern, each))).toEqual(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  const fleet = ['m', 'mallory', 'n'].flatMap((id) =>
    Array.from({ length: 100 }, (_, index) => `devices/${id}/state/${index}`),
  );

  it.each([
    ['devices/m/+', 2],
    ['devices/m/+/x', 2],
    ['devices/m/none/#', 1],
    ['devices/m/state/7/#', 2],
    ['devices/+/state/7', 9],
    ['devices/+/none/+', 4],
    ['devices/+/+/7', 9],
    ['devices/a/#', 1],
    ['+/mallory/none', 2],
    ['zzz/#', 0],
  ])('of %s takes few looks in a fleet of others', (pattern, most) => {
    expect(lookedAt(pattern, fleet).length).toBeLessThanOrEqual(most);
  });
});
