// A file of a million devices of which three are wrong: refused whole, with the three named, by hand and as a source, and the broker
// goes on answering meanwhile.
import { createReadStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { type House, openHouse } from './harness.ts';

const rows = 1_000_000;
const wrong = new Map([
  [7, 'meter/7,water,north,medium'],
  [500_000, 'meter-0500000,water,north,enormous'],
  [999_999, 'meter-0000001,water,north,medium'],
]);
const id = /^line 9: id: not an id/;
const criticality = 'line 500002: criticality: not one of low, medium, high, critical';

let house: House;
afterEach(() => house.close());

function writeFleet(file: string): void {
  const lines = Array.from({ length: rows }, (_, i) => {
    return wrong.get(i) ?? `meter-${String(i).padStart(7, '0')},water,site-${i % 500},medium`;
  });
  writeFileSync(file, `id,owner,site,criticality\n${lines.join('\n')}\n`);
}

/** Somebody else asks again and again. @returns how often there was an answer. */
async function askUntil(isOver: () => boolean): Promise<number> {
  let answers = 0;
  for (; !isOver(); answers += 1) {
    await nextTurn();
    await house.gateway.operations.listDevices({ limit: 1 });
  }
  return answers;
}

it('is refused whole, with all three named', { timeout: 240_000 }, async () => {
  house = await openHouse({
    yaml: 'sources: { plant: { kind: file, path: plant.csv, every: 365d } }',
    files: { 'plant.csv': 'id,owner,site,criticality\nmeter-0000000,water,north,medium\n' },
  });
  await house.log.until('source.reconciled');
  const { operations } = house.gateway;
  const file = join(house.home, 'plant.csv');
  writeFleet(file);
  let isOver = false;
  const asking = askUntil(() => isOver);
  const text = createReadStream(file) as AsyncIterable<Buffer>;
  await expect(operations.importDevices({ format: 'csv', text })).rejects.toMatchObject({
    code: 'invalid',
    faults: [expect.stringMatching(id), criticality, 'line 1000001: id: meter-0000001 is already on line 3'],
  });
  await expect(operations.reconcile({ source: 'plant' })).rejects.toMatchObject({
    code: 'invalid',
    faults: [expect.stringMatching(id), criticality, 'line 1000001: id: meter-0000001 is listed already'],
  });
  isOver = true;
  // The file comes in a thousand pieces: were each read in one go, no more questions than that would have been answered.
  expect(await asking).toBeGreaterThan(2_000);
  expect((await operations.listDevices({})).map((each) => each.id)).toEqual(['meter-0000000']);
  expect(await operations.showDevice({ id: 'meter-0000000' })).toMatchObject({ principal: { site: 'north' } });
});
