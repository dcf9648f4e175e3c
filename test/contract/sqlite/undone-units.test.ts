// Who keeps in memory what it writes takes it back as soon as it is undone: before any other unit of work runs, and once.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../../src/store/sqlite/database.ts';

let home: string;
let database: Database;
let course: string[];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'nolapse-units-'));
  database = openDatabase(join(home, 'nolapse.db'));
  course = [];
});
afterEach(async () => {
  await database.close();
  rmSync(home, { recursive: true });
});

const unit = (name: string, work: () => void = () => undefined): Promise<void> =>
  database.submit(
    () => {
      course.push(name);
      work();
    },
    'messages',
    () => void course.push(`${name} undone`),
  );
const fail = (): never => {
  throw new Error('refused');
};

it('takes back what failed before the next unit runs', async () => {
  await Promise.allSettled([unit('a'), unit('b', fail), unit('c')]);
  expect(course).toEqual(['a', 'b', 'b undone', 'c']);
});

it('takes back each unit once where the commit of all fails', async () => {
  const failing = unit('b', () => {
    database.sqlite.pragma('defer_foreign_keys = ON');
    database.sqlite.exec("INSERT INTO contact (principal_id) VALUES ('nobody')");
  });
  await Promise.allSettled([unit('a', fail), failing, unit('c')]);
  expect(course.filter((each) => each.endsWith('undone')).toSorted()).toEqual(['a undone', 'b undone', 'c undone']);
});

it('takes back a unit that runs alone', async () => {
  await expect(unit('a', fail)).rejects.toThrow('refused');
  expect(course).toEqual(['a', 'a undone']);
});

it('fails a unit that cannot take back, and no other', async () => {
  const stuck = database.submit(fail, 'messages', () => {
    throw new Error('cannot be read');
  });
  const outcomes = await Promise.allSettled([unit('a'), stuck, unit('c')]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(outcomes[1]).toMatchObject({ reason: { message: 'cannot be read' } });
});
