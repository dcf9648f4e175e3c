// Damage in the database file, page by page: it is found, and none is found where there is none.
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FileCheck } from '../../../src/ports/store-file.ts';
import { type Database, openDatabase } from '../../../src/store/sqlite/database.ts';

const pageBytes = 4_096;
const rows = 1_000;

let folder: string;
let sound: string;
let pages: number;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nolapse-damage-'));
  sound = join(folder, 'sound.db');
  const database = openDatabase(sound);
  database.sqlite.exec(
    'CREATE TABLE numbered (id INTEGER PRIMARY KEY, text TEXT); CREATE INDEX by_text ON numbered (text)',
  );
  database.sqlite.exec('CREATE TABLE keyed (one TEXT, two INTEGER, bytes BLOB, PRIMARY KEY (two, one)) WITHOUT ROWID');
  const numbered = database.sqlite.prepare('INSERT INTO numbered (text) VALUES (?)');
  const keyed = database.sqlite.prepare('INSERT INTO keyed VALUES (?, ?, ?)');
  for (let row = 0; row < rows; row += 1) {
    numbered.run(`row ${row}`.padEnd(100, '.'));
    keyed.run(`row ${row % 7}`, row, Buffer.alloc(200, row));
  }
  await database.close();
  pages = readFileSync(sound).length / pageBytes;
});
afterAll(() => rmSync(folder, { recursive: true }));

async function opened<T>(path: string, use: (database: Database) => Promise<T> | T): Promise<T> {
  const database = openDatabase(path);
  try {
    return await use(database);
  } finally {
    await database.close();
  }
}

/** The file with one page full of noise. */
function damaged(page: number): string {
  const path = join(folder, 'damaged.db');
  copyFileSync(sound, path);
  const bytes = readFileSync(path);
  for (let at = (page - 1) * pageBytes; at < page * pageBytes; at += 1) bytes[at] = (at * 31 + 7) % 251;
  writeFileSync(path, bytes);
  return path;
}

async function found(path: string, look: (database: Database) => Promise<FileCheck> | FileCheck): Promise<string[]> {
  try {
    return [...(await opened(path, look)).faults];
  } catch (error) {
    return [(error as Error).message];
  }
}

const readThrough = ({ file }: Database): Promise<FileCheck> =>
  file.readThrough(
    async () => undefined,
    () => false,
  );

describe('a sound file', () => {
  it('has no faults, in one go or read through', async () => {
    const none = { faults: [], isWhole: true };
    expect(await opened(sound, ({ file }) => file.check())).toEqual(none);
    expect(await opened(sound, readThrough)).toEqual(none);
    expect(await opened(sound, ({ file }) => file.bytes)).toBe(pages * pageBytes);
  });

  it('is read through 50 rows at a time, and no further than somebody wants', async () => {
    let turns = 0;
    await opened(sound, ({ file }) =>
      file.readThrough(
        async () => {
          turns += 1;
        },
        () => false,
      ),
    );
    expect(turns).toBeGreaterThanOrEqual((2 * rows) / 50);
    const part = await opened(sound, ({ file }) =>
      file.readThrough(
        async () => {
          turns = 0;
        },
        () => turns === 0,
      ),
    );
    expect(part).toEqual({ faults: [], isWhole: false });
  });
});

describe('a damaged file', () => {
  it('shows it, whichever page is damaged', async () => {
    const unnoticed: number[] = [];
    for (let page = 1; page <= pages; page += 1) {
      const faults = await found(damaged(page), ({ file }) => file.check());
      if (faults.length === 0) unnoticed.push(page);
    }
    expect(unnoticed).toEqual([]);
  });

  it('shows it to who reads it through, where the page is one of a table', async () => {
    const tables = await opened(sound, ({ sqlite }) =>
      sqlite.prepare("SELECT pageno FROM dbstat WHERE name IN ('numbered', 'keyed')").pluck().all(),
    );
    expect(tables.length).toBeGreaterThan(50);
    for (const page of tables as number[]) {
      const faults = await found(damaged(page), readThrough);
      expect(faults).toEqual([expect.stringMatching(/^table (numbered|keyed): .*malformed/)]);
    }
  });

  it('says which runbook to open, where it does not even open', () => {
    expect(() => openDatabase(damaged(1))).toThrow(/is damaged; see ledger_damaged in docs\/operations\.md/);
  });
});
