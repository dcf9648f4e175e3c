// The disk of the file of issued certificates, where it stalls or has a backlog: who changes the ledger waits once and for a bounded time,
// and nothing counts as recorded that is not.
import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { IssuedFile } from '../../src/issued/file.ts';
import { Changes } from '../../src/store/sqlite/changes.ts';
import { type Database, openDatabase } from '../../src/store/sqlite/database.ts';
import { temporaryFolder } from '../contract/mqtt/broker.ts';

let folder: ReturnType<typeof temporaryFolder>;
let database: Database;
let path: string;
let steadyMs: number;
let file: IssuedFile;
let waiting: Changes;

beforeEach(() => {
  folder = temporaryFolder();
  path = `${folder.path}/issued.jsonl`;
  database = openDatabase(`${folder.path}/nolapse.db`);
  steadyMs = 0;
  waiting = new Changes(database);
  file = new IssuedFile({ path, key: Buffer.alloc(32), number: 0, waiting, now: Date.now, steady: () => steadyMs });
});
afterEach(async () => {
  await database.close();
  folder.remove();
});

/** So many changes happen. */
const happen = (count: number, from = 0): Promise<void> =>
  database.submit(() => {
    const put = database.sqlite.prepare("INSERT INTO unrecorded (kind, subject) VALUES ('principal', ?)");
    for (let index = from; index < from + count; index += 1) put.run(`p${index}`);
  });
const numbers = () =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { n: number }).n);

/** A pipe that is full, in place of the file: it takes a write when somebody reads. @returns what reads it empty. */
function stall(): () => void {
  spawnSync('mkfifo', [path]);
  const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const page = Buffer.alloc(4_096);
  const untilRefused = (once: () => number): void => {
    try {
      while (once() > 0);
    } catch (error) {
      expect(error).toMatchObject({ code: 'EAGAIN' });
    }
  };
  untilRefused(() => writeSync(pipe, page));
  return () => {
    untilRefused(() => readSync(pipe, page));
    closeSync(pipe);
  };
}

/** Does it resolve without waiting for anything outside? */
async function isAtOnce(pending: Promise<void>): Promise<boolean> {
  return Promise.race([
    pending.then(() => true),
    new Promise<boolean>((resolve) => setImmediate(() => resolve(false))),
  ]);
}

it('is waited for once, for a bounded time, and by nobody while it stalls; then what waited is recorded', async () => {
  const goOn = stall();
  await happen(3);
  expect(await isAtOnce(file.flush())).toBe(false);
  await expect.poll(() => file.failure).toBe('it did not take a write within 2000 ms');
  await happen(2, 3);
  for (const laterMs of [1, 4_999, 5_000, 60_000]) {
    steadyMs = laterMs;
    expect(await isAtOnce(file.flush())).toBe(true);
  }
  expect(waiting.count).toBe(5);
  goOn();
  rmSync(path);
  await expect
    .poll(async () => {
      steadyMs += 5_000;
      await file.flush();
      return file.failure;
    })
    .toBeNull();
  expect(numbers()).toEqual([1, 2, 3, 4, 5]);
});

it('has all that waits on the disk before a change counts as recorded, however much it is', async () => {
  await happen(2_500);
  await file.flush();
  expect(file.failure).toBeNull();
  expect(numbers()).toEqual(Array.from({ length: 2_500 }, (_, index) => index + 1));
});

it('does not have a change wait for those that come after it', async () => {
  let isOver = false;
  await happen(1);
  const flushed = file.flush().then(() => {
    isOver = true;
  });
  let more = 1;
  while (!isOver && more < 1_000) {
    await happen(1, more);
    more += 1;
  }
  expect(isOver).toBe(true);
  await flushed;
});
