// Many stored sessions: looking for those that nobody came back to, and forgetting one principal's, cost a bounded piece of work at a time.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { MqttAbsences } from '../../../src/store/mqtt/absences.ts';
import { Changed } from '../../../src/store/mqtt/changed.ts';
import { MqttKept } from '../../../src/store/mqtt/kept.ts';
import { MqttStoredSessions } from '../../../src/store/mqtt/stored-sessions.ts';
import { type Database, openDatabase } from '../../../src/store/sqlite/database.ts';
import { gathered } from '../mqtt/gathered.ts';

const count = 1_000;
let home: string;
let database: Database;
let sessions: MqttStoredSessions;
/** Rows that each unit of work wrote. */
let units: number[];
let listed: number;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'nolapse-sessions-'));
  database = openDatabase(join(home, 'nolapse.db'));
  const add = database.sqlite.prepare('INSERT INTO mqtt_session (client_id) VALUES (?)');
  for (let i = 0; i < count; i += 1) add.run(`pump-${i}:main`);
  units = [];
  listed = 0;
  const kept = new MqttKept(database, new Changed());
  const clientIds = kept.clientIds.bind(kept);
  kept.clientIds = () => {
    listed += 1;
    return clientIds();
  };
  sessions = new MqttStoredSessions({
    parts: [],
    absences: new MqttAbsences(database, new Changed()),
    kept,
    perPrincipalMax: 10,
    isConnected: (clientId) => clientId === 'pump-7:main',
    submit: (work) =>
      database.submit(() => {
        const before = changes();
        const result = work();
        units.push(changes() - before);
        return result;
      }),
    failed: (error) => {
      throw error;
    },
  });
  sessions.load();
  listed = 0;
});
afterEach(async () => {
  await database.close();
  rmSync(home, { recursive: true });
});

const changes = (): number => Number(database.sqlite.prepare('SELECT total_changes()').pluck().get());

it('are looked at a few in a unit of work, and all of them', async () => {
  expect(await gathered(sessions.forgetAbsent(1, 1_000))).toEqual([]);
  expect(units).toHaveLength(5);
  expect(Math.max(...units)).toBeLessThanOrEqual(200);
  units.length = 0;
  const told: number[] = [];
  const gone: string[] = [];
  for await (const some of sessions.forgetAbsent(1_000, 1_000)) {
    told.push(some.length);
    gone.push(...some);
  }
  expect(Math.max(...told)).toBeLessThanOrEqual(200);
  expect(gone).toHaveLength(count - 1);
  expect(gone).not.toContain('pump-7:main');
  // Forgetting one deletes what is kept of it and of its absence.
  expect(Math.max(...units)).toBeLessThanOrEqual(600);
  expect(sessions.has('pump-7:main')).toBe(true);
});

it('are left for the next look when the broker stops', async () => {
  const stopping = new AbortController();
  stopping.abort();
  await gathered(sessions.forgetAbsent(1, 1_000, stopping.signal));
  expect(units).toHaveLength(1);
});

it('of one principal are forgotten without a look at those of others', async () => {
  await sessions.forgetPrincipal('pump-3');
  await sessions.forget('pump-4:main');
  expect(listed).toBe(0);
  expect(units.every((rows) => rows <= 3)).toBe(true);
  expect(['pump-3:main', 'pump-4:main', 'pump-5:main'].map((id) => sessions.has(id))).toEqual([false, false, true]);
});
