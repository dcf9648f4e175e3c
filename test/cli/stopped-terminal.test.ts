// A broker on a terminal that was stopped with Ctrl-S. The terminal is that of `script`.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Workplace } from './harness.ts';
import { anyPorts } from './nolapse-process.ts';

const patience = { timeout: 60_000, interval: 100 };
const hasScript = spawnSync('script', ['--version']).status === 0;

let place: Workplace;
let terminal: ChildProcess | undefined;
beforeEach(() => {
  place = new Workplace();
});
afterEach(() => {
  terminal?.kill('SIGKILL');
  place.remove();
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it.skipIf(!hasScript)('serves, alerts and stops', async () => {
  const pidFile = join(place.folder, 'pid');
  const line = `echo $$ > ${pidFile}; exec ${process.execPath} ${resolve('dist/main.js')} start --home ${place.home}`;
  const env = { ...process.env, ...anyPorts };
  terminal = spawn('script', ['-qfc', line, '/dev/null'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
  const shown = once(terminal.stdout as Readable, 'data');
  await vi.waitFor(() => expect(existsSync(join(place.home, 'control.sock'))).toBe(true), patience);
  await shown;
  terminal.stdin?.write('\x13');
  await place.ask('device', 'add', 'pump-1', '--owner', 'water');
  await vi.waitFor(async () => {
    const { stdout } = await place.run(['alert', 'list', '--open', '--home', place.home, '-o', 'json']);
    expect(JSON.parse(stdout)).toMatchObject([
      { kind: 'log_unwritable', detail: expect.stringContaining('nothing is taken') },
    ]);
  }, patience);
  const pid = Number(readFileSync(pidFile, 'utf8'));
  process.kill(pid, 'SIGTERM');
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), patience);
});
