// The write-ahead log beside the ledger's file: however much is written, it stays within its bounds.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../../src/store/sqlite/database.ts';

const mib = 1_048_576;
let home: string;
let database: Database;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'nolapse-log-'));
  database = openDatabase(join(home, 'nolapse.db'));
  database.sqlite.exec('CREATE TABLE blob (id INTEGER PRIMARY KEY, bytes BLOB)');
});
afterEach(async () => {
  await database.close();
  rmSync(home, { recursive: true });
});

const logBytes = (): number => statSync(join(home, 'nolapse.db-wal')).size;
const write = (bytes: number): Promise<void> =>
  database.submit(() => void database.sqlite.prepare('INSERT INTO blob (bytes) VALUES (zeroblob(?))').run(bytes));

it('stays some 4 MB long under many small writes', async () => {
  let longest = 0;
  for (let i = 0; i < 600; i += 1) {
    await write(65_536);
    longest = Math.max(longest, logBytes());
  }
  expect(longest).toBeLessThan(6 * mib);
});

it('is given back after one write that was longer than it may be', async () => {
  await write(48 * mib);
  expect(logBytes()).toBeGreaterThan(40 * mib);
  for (let i = 0; i < 200 && logBytes() > 16 * mib; i += 1) await write(65_536);
  expect(logBytes()).toBeLessThanOrEqual(16 * mib);
});
