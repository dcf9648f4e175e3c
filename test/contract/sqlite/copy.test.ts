// A copy of the ledger that is made while it is written: whole, as it is at the end, and in pieces small enough that nobody waits for it.
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkCopy } from '../../../src/store/sqlite/copy.ts';
import { type Database, openDatabase } from '../../../src/store/sqlite/database.ts';
import { openSqlite } from '../../../src/store/sqlite/sqlite.ts';

const rows = 2_000;
let folder: string;
let copy: string;
let database: Database;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nolapse-copy-'));
  copy = join(folder, 'copy');
  database = openDatabase(join(folder, 'ledger.db'));
  database.sqlite.exec('CREATE TABLE one (n INTEGER, bytes BLOB); CREATE TABLE other (n INTEGER)');
  const insert = database.sqlite.prepare('INSERT INTO one VALUES (?, randomblob(4000))');
  database.sqlite.transaction(() => {
    for (let row = 0; row < rows; row += 1) insert.run(row);
  })();
});
afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

const going = () => false;

it.each([
  ['of which none fails', 0],
  ['of which every one is followed by one that fails', 1],
  ['of which some are followed by one that fails', 7],
])('lets others write, %s, and holds each transaction whole or not at all', async (_what, failing) => {
  const pages = Number(database.sqlite.pragma('page_count', { simple: true }));
  let copying = true;
  let commits = 0;
  const both = ['UPDATE one SET n = n + 1 WHERE rowid = 1', 'INSERT INTO other VALUES (1)'];
  const writing = (async () => {
    while (copying) {
      await database.submit(() => both.forEach((each) => void database.sqlite.exec(each)));
      commits += 1;
      if (failing === 0 || commits % failing !== 0) continue;
      // It leaves nothing in the copy either.
      await database
        .submit(() => {
          database.sqlite.exec('DELETE FROM other');
          throw new Error('undone');
        })
        .catch(() => undefined);
    }
  })();
  await database.file.copyTo(copy, going).finally(() => {
    copying = false;
  });
  await writing;
  // A piece has at most 128 pages, and between two of them others had a turn.
  if (failing === 0) expect(commits).toBeGreaterThan(pages / 128 / 4);
  expect(statSync(copy).mode & 0o777).toBe(0o600);
  checkCopy(copy);
  const copied = openSqlite(copy);
  const [first, count] = ['SELECT n FROM one WHERE rowid = 1', 'SELECT count(*) FROM other'].map((each) =>
    copied.prepare(each).pluck().get(),
  );
  expect(first).toBe(count);
  expect(copied.prepare('SELECT count(*) FROM one').pluck().get()).toBe(rows);
  copied.close();
});

it('breaks off when it is told to, and when the store is closed', async () => {
  let turns = 0;
  await expect(database.file.copyTo(copy, () => ++turns > 3)).rejects.toMatchObject({ code: 'copy_failed' });
  const closed = expect(database.file.copyTo(join(folder, 'late'), going)).rejects.toMatchObject({
    code: 'copy_failed',
  });
  await database.close();
  await closed;
});

it('takes the place of no file, and needs a folder', async () => {
  writeFileSync(copy, 'mine');
  await expect(database.file.copyTo(copy, going)).rejects.toThrow(/EEXIST/);
  await expect(database.file.copyTo(join(folder, 'none', 'copy'), going)).rejects.toThrow(/ENOENT/);
  expect(existsSync(join(folder, 'none'))).toBe(false);
});
