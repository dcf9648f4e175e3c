// A home whose ledger is damaged: its commands say so, and a broker serves on with what can be read.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openSqlite } from '../../src/store/sqlite/sqlite.ts';
import { Recorder } from '../scenarios/recorder.ts';
import { Workplace } from './harness.ts';
import { end, type Running, startNolapse } from './nolapse-process.ts';

const pageBytes = 4_096;

let place: Workplace;
let gateway: Running | undefined;
beforeEach(async () => {
  place = new Workplace();
  const devices = Array.from({ length: 200 }, (_, index) => `pump-${index},${'water'.repeat(10)}`).join('\n');
  writeFileSync(join(place.folder, 'fleet.csv'), `id,owner\n${devices}\n`);
  await place.ask('init');
  await place.ask('device', 'import', join(place.folder, 'fleet.csv'));
});
afterEach(async () => {
  if (gateway) await end(gateway, 'SIGKILL');
  gateway = undefined;
  place.remove();
});

/** Fills the last page of this table with noise; 0: the file's first page. */
function damage(table: string | 0): void {
  const path = join(place.home, 'nolapse.db');
  let page = 1;
  if (table !== 0) {
    const sqlite = openSqlite(path);
    const pages = sqlite.prepare("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY pageno DESC");
    page = pages.pluck().get(table) as number;
    sqlite.pragma('wal_checkpoint(TRUNCATE)');
    sqlite.close();
  }
  const bytes = readFileSync(path);
  for (let at = (page - 1) * pageBytes; at < page * pageBytes; at += 1) bytes[at] = (at * 31 + 7) % 251;
  writeFileSync(path, bytes);
}

async function doctor(): Promise<{ code: number | null; findings: unknown[] }> {
  const { code, stdout } = await place.run(['doctor', '--home', place.home, '-o', 'json']);
  return { code, findings: JSON.parse(stdout) as unknown[] };
}

const file = (level: string, detail: unknown) => expect.objectContaining({ level, subject: 'ledger file', detail });

it('doctor finds none in a home that is sound', async () => {
  expect((await doctor()).findings).toContainEqual(file('ok', 'no damage'));
});

it.each(['principal', 'principal_owner'])(
  'is told of at rest and at a start, and the broker serves on: %s',
  async (name) => {
    damage(name);
    expect(await doctor()).toEqual({
      code: 1,
      findings: expect.arrayContaining([file('critical', expect.stringMatching(/^damaged: .*ledger_damaged in docs/))]),
    });
    const log = new Recorder();
    gateway = await startNolapse(place, log);
    expect(log.count('ledger.damaged')).toBe(1);
    const open = await place.run(['alert', 'list', '--open', '--home', place.home, '-o', 'json']);
    expect(JSON.parse(open.stdout)).toContainEqual(
      expect.objectContaining({ kind: 'ledger_damaged', severity: 'critical' }),
    );
    expect((await fetch(`http://127.0.0.1:${gateway.httpPort}/healthz`)).status).toBe(200);
    expect((await doctor()).findings).toContainEqual(file('critical', expect.stringContaining('damaged: ')));
  },
);

it('that keeps the file from being opened ends every command with one line and the runbook to open', async () => {
  damage(0);
  for (const command of ['start', 'doctor', 'device list']) {
    const { code, stderr } = await place.run([...command.split(' '), '--home', place.home]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/^nolapse: .*damaged; see ledger_damaged in docs\/operations\.md\n$/),
    });
  }
});
