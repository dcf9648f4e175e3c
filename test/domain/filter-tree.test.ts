// The tree of filters finds what the domain's matching matches, however it is walked and changed meanwhile, and keeps nothing of what is gone.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FilterTree } from '../../src/domain/filter-tree.ts';
import { matches } from '../../src/domain/topics.ts';

const word = fc.constantFrom('a', 'b', '', '$x', 'ab');
const topic = fc.array(word, { minLength: 1, maxLength: 5 }).map((words) => words.join('/'));
const filter = fc
  .tuple(fc.array(fc.oneof(word, fc.constant('+')), { maxLength: 4 }), fc.boolean())
  .map(([words, isOpen]) => [...words, ...(isOpen || words.length === 0 ? ['#'] : [])].join('/'));
const entry = fc.tuple(filter, fc.constantFrom('k1', 'k2', 'k3'));

const taken = fc.uniqueArray(entry, { maxLength: 20, selector: (each) => each.join(' ') });

function filled(entries: readonly (readonly [string, string])[]) {
  const tree = new FilterTree<string, string>();
  for (const [each, key] of entries) tree.set(each, key, `${each} ${key}`);
  return tree;
}

it('finds what the filters match, in steps of any size', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), topic, fc.integer({ min: 1, max: 5 }), (entries, name, most) => {
      const tree = filled(entries);
      const wanted = [...new Set(entries.filter(([each]) => matches(each, name)).map((each) => each.join(' ')))];
      expect(tree.match(name).sort()).toEqual(wanted.sort());
      const found: string[] = [];
      const walk = tree.walk(name);
      while (!walk.isOver) expect(walk.step(most, found)).toBeLessThanOrEqual(most);
      expect(found.sort()).toEqual(wanted);
    }),
    { numRuns: 2_000 },
  );
});

it('keeps what was not taken out, and no level of what was', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), taken, topic, (entries, out, name) => {
      const tree = filled([...entries, ...out]);
      for (const [each, key] of out) expect(tree.delete(each, key)).toBe(`${each} ${key}`);
      for (const [each, key] of out) expect(tree.delete(each, key)).toBeUndefined();
      const gone = new Set(out.map((each) => each.join(' ')));
      const left = entries.filter((each) => !gone.has(each.join(' ')));
      const fresh = filled(left);
      expect([tree.size, tree.nodes]).toEqual([fresh.size, fresh.nodes]);
      expect(tree.match(name).sort()).toEqual(fresh.match(name).sort());
      for (const [each, key] of left) tree.delete(each, key);
      expect([tree.size, tree.nodes]).toEqual([0, 0]);
    }),
    { numRuns: 2_000 },
  );
});

it('looks at no more nodes than there are, whatever the filters', () => {
  const tree = new FilterTree<string, number>();
  // Every path of eight levels of `a` and `+`: each of them matches.
  for (let path = 0; path < 256; path += 1) {
    const words = Array.from({ length: 8 }, (_, bit) => ((path >> bit) & 1 ? '+' : 'a'));
    tree.set(words.join('/'), 'k', path);
  }
  const found: number[] = [];
  const walk = tree.walk('a/a/a/a/a/a/a/a');
  expect(walk.step(Number.POSITIVE_INFINITY, found)).toBe(tree.nodes + 1);
  expect(found).toHaveLength(256);
});
