// A ledger with nothing in it. A worker takes the steps of the schema once and copies the file afterwards: they cost more than most
// tests on it.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../../src/store/index.ts';

let empty: Promise<Uint8Array> | undefined;

async function make(): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'nolapse-empty-'));
  const file = join(folder, 'nolapse.db');
  await openStore(file).store.close();
  const bytes = readFileSync(file);
  rmSync(folder, { recursive: true });
  return bytes;
}

/** Writes it to this path, unless there is a ledger already. */
export async function beginLedger(path: string): Promise<void> {
  if (existsSync(path)) return;
  empty ??= make();
  writeFileSync(path, await empty, { mode: 0o600 });
}
