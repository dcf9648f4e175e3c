// Whether the storage takes what is written, on a database that may not grow, and one whose file may not.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDatabase } from '../../../src/store/sqlite/database.ts';
import { createStore } from '../../../src/store/sqlite/store.ts';
import { WriteWatch } from '../../../src/store/sqlite/write-watch.ts';
import { principal } from '../store/rows.ts';

let home: string;
let gateway: ChildProcess | undefined;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'nolapse-writes-'));
});
afterEach(() => {
  gateway?.kill('SIGKILL');
  gateway = undefined;
  rmSync(home, { recursive: true, force: true });
});

it('tells a storage that refuses writes from a unit that is at fault, until a write has gone through again', async () => {
  let steady = 0;
  const path = join(home, 'nolapse.db');
  const database = openDatabase(path, new WriteWatch(() => steady));
  const store = createStore(database);
  const add = (count: number) =>
    store.transact(async (tx) => {
      for (let i = 0; i < count; i += 1) await tx.putPrincipal(principal(`d${i}`));
    });
  await expect(store.transact(() => Promise.reject(new Error('its own fault')))).rejects.toThrow('its own fault');
  expect(store.isWell).toBe(true);

  const pages = Number(database.sqlite.pragma('page_count', { simple: true }));
  database.sqlite.pragma(`max_page_count = ${pages + 1}`);
  // Alone and beside others: the first that does not fit takes the whole transaction with it.
  await expect(add(2_000)).rejects.toMatchObject({ code: 'store_failed' });
  expect(store.isWell).toBe(false);
  await Promise.allSettled([add(2_000), add(2_000)]);
  expect(store.isWell).toBe(false);
  steady += 60_000;
  expect(store.isWell).toBe(false);

  const logged = statSync(`${path}-wal`).size;
  await store.probe();
  expect(statSync(`${path}-wal`).size).toBeGreaterThan(logged);
  expect(store.isWell).toBe(true);

  await expect(add(2_000)).rejects.toThrow();
  await store.probe();
  expect(store.isWell).toBe(false);
  steady += 10_000;
  expect(store.isWell).toBe(true);
  database.sqlite.pragma('max_page_count = 1000000');
  await add(2_000);
  await store.close();
});

it('is what /healthz answers by, and an alert, of a broker whose files may not grow', async () => {
  const entry = resolve(import.meta.dirname, '../../../dist/main.js');
  const env = { ...process.env, NOLAPSE_HOME: home, NOLAPSE_MQTT_PORT: '0', NOLAPSE_HTTP_PORT: '0' };
  // In units of 512 bytes: enough for an empty ledger, not for what follows.
  gateway = spawn('sh', ['-c', 'ulimit -f 4096; exec "$0" "$1" start', process.execPath, entry], { env });
  const { stdout } = gateway;
  if (!stdout) throw new Error('no standard output');
  const told: Record<string, unknown>[] = [];
  const port = await new Promise<number>((found, lost) => {
    createInterface({ input: stdout }).on('line', (text) => {
      const line = JSON.parse(text) as Record<string, unknown>;
      told.push(line);
      if (line['event.action'] === 'gateway.started') found(Number(line['nolapse.port.http']));
    });
    gateway?.once('exit', (code) => lost(new Error(`it ended with ${code}`)));
  });
  const health = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`);
    return { code: answer.status, ...((await answer.json()) as object) };
  };
  expect(await health()).toMatchObject({ code: 200, status: 'ok' });
  const rows = Array.from({ length: 20_000 }, (_, i) => `device-${i},the owner of many devices\n`);
  writeFileSync(join(home, 'fleet.csv'), `id,owner\n${rows.join('')}`);
  const load = spawn(process.execPath, [entry, 'device', 'import', join(home, 'fleet.csv')], { env });
  expect(await new Promise((done) => load.once('close', done))).toBe(2);
  expect(await health()).toMatchObject({ code: 503, status: 'unavailable' });
  const alerts = () => told.filter((line) => line['event.action'] === 'alert.raised');
  await expect
    .poll(alerts)
    .toMatchObject([{ 'event.reason': 'ledger_unwritable', 'nolapse.alert.severity': 'critical' }]);
});
