// The long work of a broker, one thing at a time: what is due again at once keeps nothing else from its turn.
import { afterEach, expect, it } from 'vitest';
import { type House, openHouse } from './harness.ts';

const begun = Date.now();
/** A hundred times as fast as the real one: between two beats everything is due again. */
const clock = { now: () => begun + (Date.now() - begun) * 100, steady: () => performance.now() * 100 };
let house: House;
afterEach(() => house.close());

it('gives every source its turn, and the look over the fleet', async () => {
  house = await openHouse({
    clock,
    yaml: `
sources:
  first: { kind: file, path: first.csv, every: 1s }
  second: { kind: file, path: second.csv, every: 1s }
findings: { every: 1s }
`,
    files: { 'first.csv': 'id,owner\npump-1,ana\n', 'second.csv': 'id,owner\npump-2,bo\n' },
  });
  const turns = ['first', 'second'].map((name) => house.log.until('source.reconciled', { 'nolapse.source': name }));
  await Promise.all([...turns, house.log.until('fleet.looked_over')]);
  expect(house.log.count('source.reconciled', { 'nolapse.source': 'first' })).toBeLessThanOrEqual(2);
});
