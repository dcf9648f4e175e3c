// Over a store that runs every unit of work twice and undoes the first run: what an operation answers, tells and writes is what it is over
// any other. The whole suites run so with NOLAPSE_TEST_UNITS=twice.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { importDevices } from '../../src/app/inventory/inventory.ts';
import { afterComing, afterLeaving, type Visits } from '../../src/domain/visits.ts';
import type { Store } from '../../src/ports/store.ts';
import { idOf } from '../domain/samples.ts';
import { rerunning } from '../fakes/rerunning-store.ts';
import { watched, watchedSoFar } from '../fakes/watched-units.ts';
import { type Assembled, assembled } from './assembled.ts';

const hour = 3_600_000;
const twice = (store: Store): Store => rerunning(watched(store));
let now: number;
let told: string[];
let parts: Assembled;

beforeEach(async () => {
  now = 1_800_000_000_000;
  told = [];
  const clock = { now: () => now, steady: () => now };
  parts = await assembled({ clock, throughStore: twice, tell: ({ message }) => void told.push(message) });
});
afterEach(() => parts.close());

const csvOf = (ids: readonly string[]): string => `id,owner\n${ids.map((id) => `${id},anna\n`).join('')}`;

it('every test runs units twice where the environment says so, and once elsewhere', async () => {
  const other = await assembled();
  const { units } = watchedSoFar();
  await importDevices(other.app, { format: 'csv', text: csvOf(['d1']) });
  expect(watchedSoFar().units - units).toBe(process.env['NOLAPSE_TEST_UNITS'] === 'twice' ? 2 : 1);
  await other.close();
});

describe('with every unit of work run again', () => {
  it('an import of one row runs its one unit twice', async () => {
    const { units } = watchedSoFar();
    await importDevices(parts.app, { format: 'csv', text: csvOf(['d1']) });
    expect(watchedSoFar().units - units).toBe(2);
  });

  it('an import counts each row once, in its answer and in what it tells', async () => {
    const ids = Array.from({ length: 1_200 }, (_, i) => `d${i}`);
    const counts = await importDevices(parts.app, { format: 'csv', text: csvOf(ids) });
    expect(counts).toEqual({ added: 1_200, updated: 0, unchanged: 0 });
    expect(told.filter((message) => message.startsWith('inventory import'))).toEqual([
      'inventory import: 1200 added, 0 updated, 0 unchanged',
    ]);
  });

  it('a dry run counts each row once, and names each step once', async () => {
    const { dryRun, ...counts } = await importDevices(parts.app, {
      format: 'csv',
      text: csvOf(['d1', 'd2']),
      dryRun: true,
    });
    expect(counts).toEqual({ added: 2, updated: 0, unchanged: 0 });
    expect(dryRun).toEqual({ steps: ['inventory import: 2 added, 0 updated, 0 unchanged'], more: 0 });
  });

  it('a visit is written, and the gap before it counted once', async () => {
    const id = idOf('d1');
    const { app } = parts;
    await importDevices(app, { format: 'csv', text: csvOf([id]) });
    await app.presences.begin();
    let expected: Visits | null = null;
    for (let visit = 0; visit < 3; visit += 1) {
      app.presences.came(id);
      expected = afterComing(expected, [], now);
      now += 1_000;
      app.presences.left(id);
      expected = afterLeaving(expected, now);
      await app.presences.flush();
      now += hour;
    }
    expect(await app.store.read.presence(id)).toEqual({ principalId: id, ...expected });
  });
});
