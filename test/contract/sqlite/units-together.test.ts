// Units of the ledger that are committed together: what one of them fails at undoes nothing of the others, the journal has the lines of those
// that were kept, in their order, and one that can wait is committed with the next that cannot.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { brokerActor } from '../../../src/domain/actor.ts';
import type { JournalEntry } from '../../../src/ports/journal.ts';
import type { Pace } from '../../../src/ports/store.ts';
import { openStore } from '../../../src/store/index.ts';
import { companyMs } from '../../../src/store/sqlite/unit-queue.ts';
import { contact, idOf, now, principal } from '../store/rows.ts';

let home: string;
let opened: ReturnType<typeof openStore>;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'nolapse-together-'));
  opened = openStore(join(home, 'nolapse.db'));
  await opened.store.transact((tx) => tx.putPrincipal(principal('a')));
});
afterEach(async () => {
  await opened.store.close();
  rmSync(home, { recursive: true });
});

const line = (detail: string, at = now): JournalEntry => ({
  at,
  action: 'test.done',
  principalId: idOf('a'),
  renewalId: null,
  detail,
  actor: brokerActor,
});
const details = async (): Promise<string[]> =>
  (await opened.store.read.journal({}, 1_000)).map(({ detail }) => detail).toReversed();

/** Statements of a kind that were run while `work` did its part. */
async function counted(source: string, work: () => Promise<unknown>): Promise<number> {
  const prototype = Object.getPrototypeOf(opened.database.sqlite.prepare('SELECT 1'));
  const { run } = prototype;
  let count = 0;
  prototype.run = function (this: { readonly source: string }, ...values: unknown[]) {
    if (this.source.startsWith(source)) count += 1;
    return run.apply(this, values);
  };
  try {
    await work();
  } finally {
    prototype.run = run;
  }
  return count;
}

it('keeps of any course of units what those that did not fail have written', async () => {
  const { store, database } = opened;
  const unit = fc.record({
    lines: fc.nat(3),
    fails: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
    reads: fc.boolean(),
    message: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    pace: fc.constantFrom<Pace>('now', 'soon'),
  });
  let [number, slots] = [0, 0];
  const kept: string[] = [];
  await store.transact((tx) => tx.putContact(contact('a', { slots })));
  await fc.assert(
    fc.asyncProperty(fc.array(unit, { minLength: 1, maxLength: 80 }), async (units) => {
      const outcomes = units.map(({ lines, fails, reads, message, pace }) => {
        if (message) {
          // Of the other lane, in between: it has a savepoint of its own.
          return database.submit(() => {
            database.sqlite.exec("UPDATE contact SET clock_skew_ms = 1 WHERE principal_id = 'a'");
            if (fails) throw new Error('undone');
          });
        }
        const own = Array.from({ length: lines }, (_, i) => `line ${number + i}`);
        number += lines;
        if (!fails) {
          kept.push(...own);
          slots += 1;
        }
        return store.transact(async (tx) => {
          const before = await tx.contact(idOf('a'));
          await tx.putContact(contact('a', { slots: (before?.slots ?? 0) + 1 }));
          for (const each of own) await tx.record(line(each));
          if (reads && own.length > 0) expect(await tx.journal({}, 1)).toMatchObject([{ detail: own.at(-1) }]);
          if (fails) throw new Error('undone');
        }, pace);
      });
      const ended = await Promise.allSettled(outcomes);
      const failed = ended.filter((each) => each.status === 'rejected').map(({ reason }) => String(reason));
      expect(failed).toEqual(units.filter(({ fails }) => fails).map(() => 'Error: undone'));
      expect((await store.read.contact(idOf('a')))?.slots).toBe(slots);
      expect((await store.read.journal({}, kept.length + 1)).map(({ detail }) => detail).toReversed()).toEqual(kept);
    }),
    { numRuns: 60 },
  );
});

it('writes the lines of many units with few statements', async () => {
  const { store } = opened;
  const units = Array.from({ length: 64 }, (_, i) => () => store.transact((tx) => tx.record(line(`${i}`))));
  expect(await counted('insert into "journal"', () => Promise.all(units.map((unit) => unit())))).toBeLessThanOrEqual(8);
  expect(await details()).toEqual(units.map((_, i) => `${i}`));
});

it('fails the unit whose line the journal would refuse, and no other', async () => {
  const { store } = opened;
  const wrong = { ...line('wrong'), detail: null as unknown as string };
  const outcomes = await Promise.allSettled([
    store.transact((tx) => tx.record(line('before'))),
    store.transact((tx) => tx.record(wrong)),
    store.transact((tx) => tx.record(line('after'))),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(outcomes[1]).toMatchObject({ reason: { code: 'store_constraint' } });
  expect(await details()).toEqual(['before', 'after']);
});

it('commits a unit that can wait with the next that cannot, before it', async () => {
  const { store } = opened;
  const order: string[] = [];
  const unit = (name: string, pace: Pace) =>
    store.transact((tx) => tx.record(line(name)), pace).then(() => order.push(name));
  const commits = await counted('COMMIT', async () => {
    const waiting = [unit('first', 'soon'), unit('second', 'soon')];
    await new Promise((resolve) => setImmediate(resolve));
    expect(await details()).toEqual([]);
    await Promise.all([...waiting, unit('third', 'now')]);
  });
  expect(commits).toBe(1);
  expect(order).toEqual(['first', 'second', 'third']);
  expect(await details()).toEqual(order);
});

it('commits a unit that can wait after a moment, when nobody comes', async () => {
  const { store } = opened;
  const began = performance.now();
  await store.transact((tx) => tx.record(line('alone')), 'soon');
  // A timer may be early by a millisecond.
  expect(performance.now() - began).toBeGreaterThanOrEqual(companyMs - 1);
  expect(await details()).toEqual(['alone']);
});

it('waits no longer where many wait', async () => {
  const { store } = opened;
  const commits = await counted('COMMIT', () =>
    Promise.all(Array.from({ length: 100 }, (_, i) => store.transact((tx) => tx.record(line(`${i}`)), 'soon'))),
  );
  expect(commits).toBe(1);
});

it('commits what waits when it is closed', async () => {
  const { store } = opened;
  const waiting = store.transact((tx) => tx.record(line('last')), 'soon');
  await store.close();
  await waiting;
  opened = openStore(join(home, 'nolapse.db'));
  expect(await details()).toEqual(['last']);
});
