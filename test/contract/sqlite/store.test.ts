// The store's suite on SQLite files, and what is true of the file alone: its mode, its lock, its schema, kill -9, a full disk.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Renewal, renewalStates } from '../../../src/domain/renewal.ts';
import { isLate, shownState } from '../../../src/domain/shown-state.ts';
import type { Store } from '../../../src/ports/store.ts';
import { openStore } from '../../../src/store/index.ts';
import { openSqlite } from '../../../src/store/sqlite/sqlite.ts';
import { rerunning } from '../../fakes/rerunning-store.ts';
import { storeContract } from '../store/contract.ts';
import { certificate, contact, day, idOf, now, principal, renewal } from '../store/rows.ts';
import type { OpenedStore } from '../store/under-test.ts';
import { beginLedger } from './empty-ledger.ts';

function directory(): string {
  return mkdtempSync(join(tmpdir(), 'nolapse-store-'));
}

async function emptyStore(through: (store: Store) => Store): Promise<OpenedStore> {
  const home = directory();
  const path = join(home, 'nolapse.db');
  await beginLedger(path);
  let store = through(openStore(path).store);
  return {
    store,
    reopen: async () => {
      await store.close();
      store = through(openStore(path).store);
      return store;
    },
    discard: async () => {
      await store.close();
      rmSync(home, { recursive: true });
    },
  };
}

storeContract('the SQLite store', () => emptyStore((store) => store));
storeContract('the SQLite store, with every unit of work run again', () => emptyStore(rerunning));

let home: string;
let path: string;
let opened: ReturnType<typeof openStore> | null;

function open(): ReturnType<typeof openStore> {
  opened = openStore(path);
  return opened;
}

beforeEach(() => {
  home = directory();
  path = join(home, 'nolapse.db');
  opened = null;
});
afterEach(async () => {
  await opened?.store.close();
  rmSync(home, { recursive: true });
});

const modeOf = (file: string): number => statSync(file).mode & 0o777;

describe('the file of the SQLite store', () => {
  it("is its owner's alone, whatever the umask", async () => {
    const umask = process.umask(0);
    try {
      const { store } = open();
      await store.transact((tx) => tx.putPrincipal(principal('a')));
      expect([path, `${path}-wal`].map(modeOf)).toEqual([0o600, 0o600]);
    } finally {
      process.umask(umask);
    }
  });

  it("becomes its owner's alone when it was not", () => {
    writeFileSync(path, '');
    chmodSync(path, 0o644);
    open();
    expect(modeOf(path)).toBe(0o600);
  });

  it('is refused at once while another process has it open', async () => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('store-writer.mjs', import.meta.url)), path]);
    await once(child.stdout, 'data');
    expect(open).toThrowError(expect.objectContaining({ name: 'NolapseError', code: 'store_locked' }));
    child.kill('SIGKILL');
    await once(child, 'exit');
    // SQLite's own measure of how long it would wait for a lock.
    expect(open().database.sqlite.pragma('busy_timeout', { simple: true })).toBe(0);
  });

  it('is refused while this process has it open', () => {
    open();
    expect(() => openStore(path)).toThrowError(expect.objectContaining({ code: 'store_locked' }));
  });

  it('is refused when a newer nolapse wrote it, and left as it is', async () => {
    await open().store.close();
    const sqlite = openSqlite(path);
    sqlite.pragma('user_version = 9999');
    sqlite.close();
    expect(open).toThrowError(expect.objectContaining({ code: 'store_newer' }));
    expect(openSqlite(path).pragma('user_version', { simple: true })).toBe(9999);
  });

  it('is refused when it is not a database', () => {
    writeFileSync(path, 'this is not a database, but long enough to have a header of one hundred bytes'.repeat(9));
    expect(open).toThrowError(expect.objectContaining({ code: 'store_failed' }));
  });

  it('cannot be made where there is no directory', () => {
    expect(() => openStore(join(home, 'none', 'nolapse.db'))).toThrowError(
      expect.objectContaining({ code: 'store_failed' }),
    );
  });
});

describe('a process killed with SIGKILL', () => {
  it('loses nothing that the store said was kept', async () => {
    for (const lines of [1, 200, 2_000]) {
      const child = spawn(process.execPath, [fileURLToPath(new URL('store-writer.mjs', import.meta.url)), path]);
      let told = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        told += text;
        if (told.split('\n').length > lines) child.kill('SIGKILL');
      });
      const [, signal] = await once(child, 'close');
      expect(signal).toBe('SIGKILL');
      const { store } = open();
      const kept = await store.read.principals({}, { limit: 1_000_000 });
      const owed = await store.read.dueEffects(now, 1_000_000);
      const known = new Set<string>(kept.map(({ id }) => id));
      const ids = told.split('\n').slice(0, -1);
      expect(ids.length).toBeGreaterThanOrEqual(lines);
      expect(ids.filter((id) => !known.has(id))).toEqual([]);
      // A principal and what it owes were written together, or not at all.
      expect(owed).toHaveLength(kept.length);
      await store.close();
      rmSync(path);
    }
  });
});

describe('a disk that is full', () => {
  it('fails what could not be written, and nothing once there is room again', async () => {
    const { store, database } = open();
    await store.transact((tx) => tx.putPrincipal(principal('a')));
    database.sqlite.pragma(`max_page_count = ${database.sqlite.pragma('page_count', { simple: true })}`);
    const large = certificate('large', 'a', { der: new Uint8Array(50_000) });
    const outcomes = await Promise.allSettled([
      store.transact((tx) => tx.putPrincipal(principal('b'))),
      store.transact((tx) => tx.putCertificate(large)),
    ]);
    expect(outcomes[1]).toMatchObject({ status: 'rejected', reason: { code: 'store_failed' } });
    const kept = await store.read.principal(idOf('b'));
    expect(kept !== null).toBe(outcomes[0]?.status === 'fulfilled');
    expect(await store.read.certificate(large.fingerprint)).toBeNull();
    database.sqlite.pragma('max_page_count = 1000000');
    await store.transact((tx) => tx.putCertificate(large));
    expect(await store.read.certificate(large.fingerprint)).toEqual(large);
  });

  it('fails every unit of a commit that fails, and the next commit succeeds', async () => {
    const { store, database } = open();
    const outcomes = await Promise.allSettled([
      store.transact((tx) => tx.putPrincipal(principal('a'))),
      // Puts the reference's check off to the commit, which then fails.
      database.submit(() => {
        database.sqlite.pragma('defer_foreign_keys = ON');
        database.sqlite.exec("INSERT INTO contact (principal_id) VALUES ('nobody')");
      }),
    ]);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'store_failed' } });
    }
    expect(await store.read.principal(idOf('a'))).toBeNull();
    await store.transact((tx) => tx.putPrincipal(principal('a')));
    expect(await store.read.principal(idOf('a'))).toEqual(principal('a'));
  });
});

describe('units that wait', () => {
  it('run one after another, in the order they came', async () => {
    const { store } = open();
    await store.transact((tx) => tx.putPrincipal(principal('a')));
    const increments = Array.from({ length: 50 }, () =>
      store.transact(async (tx) => {
        const slots = (await tx.contact(idOf('a')))?.slots ?? 0;
        await tx.putContact(contact('a', { slots: slots + 1 }));
        return slots;
      }),
    );
    expect(await Promise.all(increments)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  const busy = (ms: number): void => {
    for (const until = performance.now() + ms; performance.now() < until; );
  };

  it('let a message in among the work of the ledger, and the ledger among messages', async () => {
    const { store, database } = open();
    for (const lane of ['messages', 'ledger'] as const) {
      const other = lane === 'messages' ? 'ledger' : 'messages';
      const order: string[] = [];
      const told = (name: string) => () => void order.push(name);
      const many = Array.from({ length: 200 }, () => database.submit(() => undefined, other).then(told('many')));
      await Promise.all([...many, database.submit(() => undefined, lane).then(told('one'))]);
      expect(order).toHaveLength(201);
      expect(order.indexOf('one')).toBeLessThan(2);
    }
    await store.transact((tx) => tx.putPrincipal(principal('a')));
  });

  it('keep their order within a lane', async () => {
    const { database } = open();
    const ran: number[] = [];
    const units = Array.from({ length: 500 }, (_, i) =>
      database.submit(() => void ran.push(i), i % 3 ? 'ledger' : 'messages'),
    );
    await Promise.all(units);
    for (const messages of [true, false]) {
      const own = ran.filter((i) => (i % 3 === 0) === messages);
      expect(own).toEqual([...own].sort((a, b) => a - b));
    }
    expect(new Set(ran).size).toBe(500);
  });

  it('let the event loop turn while there are more', async () => {
    const { database } = open();
    let turns = 0;
    let running = true;
    const count = (): void => {
      turns += 1;
      if (running) setImmediate(count);
    };
    count();
    await Promise.all(Array.from({ length: 200 }, () => database.submit(() => busy(1), 'ledger')));
    running = false;
    expect(turns).toBeGreaterThan(15);
  });

  it('are all committed before the file is closed, whatever their lane', async () => {
    const { store, database } = open();
    const all = Array.from({ length: 300 }, (_, i) =>
      i % 2
        ? store.transact((tx) => tx.putPrincipal(principal(`p${i}`)))
        : database.submit(() => void database.sqlite.prepare('SELECT 1').get()),
    );
    await Promise.all([store.close(), ...all]);
    await expect(database.submit(() => undefined)).rejects.toMatchObject({ code: 'store_closed' });
    const again = open();
    expect(await again.store.read.principals({}, { limit: 1_000 })).toHaveLength(150);
  });
});

describe('any sequence of changes to renewals', () => {
  const change = fc.record({
    id: fc.integer({ min: 1, max: 6 }).map((i) => `r${i}`),
    owner: fc.constantFrom('a', 'b'),
    state: fc.constantFrom(...renewalStates),
    nextAt: fc.option(fc.integer({ min: now - 5, max: now + 5 })),
    lapsedAt: fc.option(fc.constant(now)),
    attempts: fc.nat(100),
    lastDetail: fc.option(fc.string()),
  });
  const step = fc.record({ changes: fc.array(change, { maxLength: 5 }), undone: fc.boolean() });

  it('leaves what a map would hold', async () => {
    const { store } = open();
    await store.transact(async (tx) => {
      for (const id of ['a', 'b']) await tx.putPrincipal(principal(id));
    });
    const model = new Map<string, Renewal>();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        const work = steps.map(({ changes, undone }) => {
          const rows = changes.map(({ id, owner, ...facts }) => renewal(id, owner, facts));
          if (!undone) for (const row of rows) model.set(row.id, row);
          return store
            .transact(async (tx) => {
              for (const row of rows) await tx.putRenewal(row);
              if (undone) throw new Error('undone');
            })
            .catch(() => undefined);
        });
        await Promise.all(work);
        const rows = [...model.values()];
        for (const row of rows) expect(await store.read.renewal(row.id)).toEqual(row);
        const due = await store.read.dueRenewals(now, 100);
        expect(new Set(due.map(({ id }) => id))).toEqual(
          new Set(rows.filter(({ nextAt }) => nextAt !== null && nextAt <= now).map(({ id }) => id)),
        );
        const counts = await store.read.counts();
        for (const state of renewalStates) {
          expect(counts.renewals[state]).toBe(rows.filter((row) => shownState(row) === state).length);
          const found = await store.read.renewals({ state }, 100);
          expect(found.every((row) => shownState(row) === state)).toBe(true);
          expect(found).toHaveLength(counts.renewals[state] ?? 0);
        }
        expect(counts.late).toBe(rows.filter(isLate).length);
      }),
      { numRuns: 60 },
    );
  });
});

describe('the states the schema allows', () => {
  it("are the domain's", async () => {
    const { store } = open();
    await store.transact((tx) => tx.putPrincipal(principal('a')));
    const wrong = store.transact((tx) =>
      tx.putRenewal(renewal('r1', 'a', { state: 'lost' as Renewal['state'], closesAt: now + day })),
    );
    await expect(wrong).rejects.toMatchObject({ code: 'store_constraint' });
  });
});
