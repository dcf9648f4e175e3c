// A fleet whose inventory is a file, so that a test gives devices an owner or takes it away: nobody's are alerted of.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { House } from './harness.ts';

/** YAML of the source, which is read when the broker starts and when a test says so. */
export const plantYaml = 'sources: { plant: { kind: file, path: plant.csv, every: 365d } }';

/** Reads the source with these devices, `id,owner` a line; after the run that is under way, if there is one. */
export async function readPlant(house: House, rows: readonly string[]): Promise<void> {
  writeFileSync(join(house.home, 'plant.csv'), `id,owner\n${rows.join('\n')}\n`);
  const read = () => house.gateway.operations.reconcile({ source: 'plant' });
  await expect
    .poll(() =>
      read().then(
        ({ applied }) => applied,
        (error: Error) => error.message,
      ),
    )
    .toBe(true);
}
