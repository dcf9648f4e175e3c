// The inventory's source for measurements: a file of a whole fleet, as its plant would write it down.
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { idOf } from './rows.ts';

/** What the configuration of the home has to say. */
export const plantConfig = 'sources: { plant: { kind: file, path: plant.csv, every: 365d } }\n';

const linesAtOnce = 10_000;

export interface Plant {
  readonly devices: number;
  /** One device in so many has another site, is gone, or is new. */
  readonly otherEach: number;
  /** Rows that cannot be taken. */
  readonly wrong: number;
}

function lineOf(index: number, { devices, otherEach, wrong }: Plant): string {
  const id = idOf(`device-${String(index).padStart(7, '0')}`);
  const site = Math.floor(index / 200);
  const isWrong = wrong > 0 && index % Math.ceil(devices / wrong) === 0;
  const other = index % otherEach === 0;
  if (isWrong) return `${id}/x,owner-${Math.floor(site / 100)},site-${site},medium\n`;
  if (other && index % (3 * otherEach) === 0) return '';
  if (other && index % (3 * otherEach) === otherEach) return `new-${id},owner-0,site-${site},medium\n`;
  return `${id},owner-${Math.floor(site / 100)},site-${site}${other ? '-b' : ''},medium\n`;
}

/** Writes the source of a fleet as {@link fillLedger} makes it, with what is other in it. */
export function writePlant(home: string, plant: Plant): void {
  const file = openSync(join(home, 'plant.csv'), 'w');
  writeSync(file, 'id,owner,site,criticality\n');
  for (let from = 0; from < plant.devices; from += linesAtOnce) {
    const count = Math.min(linesAtOnce, plant.devices - from);
    writeSync(file, Array.from({ length: count }, (_, i) => lineOf(from + i, plant)).join(''));
  }
  closeSync(file);
}
