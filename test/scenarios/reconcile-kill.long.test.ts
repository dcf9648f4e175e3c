// The broker is killed with SIGKILL in the middle of what a source changes: the next run does the rest, and the guard knows what is lost
// already.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ReconcileReport } from '../../src/app/views/inventory.ts';
import type { Principal } from '../../src/domain/principal.ts';
import { Mortal } from './mortal.ts';

const yaml = `
mqtt: { port: 0 }
http: { port: 0 }
sweep: { batch: 2 }
sources: { plant: { kind: file, path: plant.csv, every: 365d, missingMax: 20% } }
`;

let home: string;
let gateway: Mortal;

/** The plant has a hundred devices, less the first of them. */
function lack(count: number): void {
  const ids = Array.from({ length: 100 - count }, (_, i) => `pump-${i + count}`);
  writeFileSync(join(home, 'plant.csv'), `id,owner\n${ids.map((id) => `${id},ana\n`).join('')}`);
}

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'nolapse-reconcile-kill-'));
  writeFileSync(join(home, 'nolapse.yaml'), yaml);
  lack(0);
  gateway = await Mortal.start(home);
  await gateway.told('source.reconciled');
  await gateway.kill();
  lack(16);
  gateway = await Mortal.start(home, 'device.decommissioned');
  await expect(gateway.call('reconcile', { source: 'plant' })).rejects.toThrow('the broker ended');
  gateway = await Mortal.start(home);
});
afterEach(async () => {
  await gateway.kill();
  rmSync(home, { recursive: true, force: true });
});

const reconcile = () => gateway.call<ReconcileReport>('reconcile', { source: 'plant' });
const gone = async () => {
  const all = await gateway.call<Principal[]>('listDevices', { limit: 200 });
  return all.filter(({ status }) => status === 'decommissioned').length;
};

it('is finished by the next run', { timeout: 60_000 }, async () => {
  expect(await gone()).toBe(2);
  expect(await reconcile()).toMatchObject({ applied: true, counts: { decommissioned: 14, unchanged: 84 } });
  expect(await gone()).toBe(16);
});

it('does not let the guard forget what was lost before', { timeout: 60_000 }, async () => {
  lack(21);
  const objection = 'the source lacks 19 of 98 devices, and 2 before within a day, more than 20%';
  expect(await reconcile()).toMatchObject({ applied: false, objection });
  expect(await gone()).toBe(2);
});
