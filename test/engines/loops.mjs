// What crashes a process with an unsafe driver: opening and leaving a home again and again, and collecting statements for a while.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { run, start } from './run.mjs';

const startMs = 120_000;

const nolapse = (copy, args) => [join(copy, 'dist/main.js'), ...args];

/** Whole renewals by the demo's devices, then an inventory of so many more. */
export async function makeHistory(engine, copy, home, { seconds, devices }) {
  await run(engine, 'node', nolapse(copy, ['demo', '--for', `${seconds}s`, '--home', home]), { cwd: copy });
  const rows = Array.from({ length: devices }, (_, place) => `meter-${place},device,engines`);
  const file = `${home}.csv`;
  writeFileSync(file, `${['id,kind,owner', ...rows].join('\n')}\n`);
  await run(engine, 'node', nolapse(copy, ['device', 'import', file, '--home', home]), { cwd: copy });
}

/** First certificates, each by a process that opens the home at rest. */
export async function issues(engine, copy, home, times) {
  for (let turn = 0; turn < times; turn += 1) {
    const args = ['device', 'issue', `meter-${turn}`, '--out', `${home}-issued`, '--home', home];
    await run(engine, 'node', nolapse(copy, args), { cwd: copy });
  }
}

async function startNolapse(engine, copy, home) {
  const { child, said } = start(engine, 'node', nolapse(copy, ['start', '--home', home]), { cwd: copy });
  const ended = once(child, 'close');
  const fault = (what) => new Error(`${what}: ${(said.stdout + said.stderr).slice(-2_000)}`);
  const started = new Promise((settle) => {
    child.stdout.on('data', () => said.stdout.includes('"gateway.started"') && settle(true));
  });
  const timeout = new AbortController();
  const late = pause(startMs, 'late', { signal: timeout.signal }).catch(() => 'late');
  const first = await Promise.race([started, ended, late]);
  timeout.abort();
  if (first === 'late') child.kill('SIGKILL');
  if (first !== true)
    throw fault(first === 'late' ? 'the broker did not start in time' : `the broker ended with ${first}`);
  return {
    ended,
    stop: async () => {
      child.kill('SIGTERM');
      const [code, signal] = await ended;
      if (code !== 0) throw fault(`the broker ended with ${code ?? signal}`);
    },
  };
}

export async function starts(engine, copy, home, times) {
  for (let turn = 0; turn < times; turn += 1) await (await startNolapse(engine, copy, home)).stop();
}

/** A broker that nobody connects to: its sweeps, chores and alerts go on. */
export async function idle(engine, copy, home, seconds) {
  const gateway = await startNolapse(engine, copy, home);
  await Promise.race([pause(seconds * 1_000), gateway.ended]);
  await gateway.stop();
}
