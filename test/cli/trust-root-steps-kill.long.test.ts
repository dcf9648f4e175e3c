// Each later step of a root, killed with SIGKILL at every moment at which something becomes durable: it is as it was or done, and the same
// command brings it to its end. The announcement is killed in a running broker, the others on a home at rest.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TrustView } from '../../src/app/views/trust.ts';
import { openStore } from '../../src/store/index.ts';
import { freePort } from '../scenarios/free-port.ts';
import { Workplace } from './harness.ts';
import { anyPorts, end, type Running, startNolapse } from './nolapse-process.ts';

/** More moments than any step has. */
const momentsMax = 40;
const killer = new URL('killed-at.mjs', import.meta.url).pathname;

let folder: string;
/** A home with a root that is in a backup, and one that has announced it. */
let prepared: string;
let distributed: string;
const withdrawal = (): string[] => [
  '--withdrawal',
  join(folder, 'root-2.withdrawal'),
  '--open-with',
  join(folder, 'phrase'),
];

function run(home: string, command: readonly string[], killAt = 0) {
  const given = [...(killAt > 0 ? ['--import', killer] : []), 'dist/main.js', ...command, '--home', home];
  return spawnSync(process.execPath, given, {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], KILL_AT_MOMENT: String(killAt) },
  });
}

function done(home: string, ...command: string[]): void {
  const { status, stderr } = run(home, command);
  expect(status, `${command.join(' ')}: ${stderr}`).toBe(0);
}

/** A workplace on a home that is there. */
class Place extends Workplace {
  override readonly home: string;
  constructor(home: string) {
    super();
    this.home = home;
  }
}

async function serving<T>(home: string, work: () => Promise<T> | T): Promise<T> {
  const place = new Place(home);
  const broker = await startNolapse(place);
  try {
    return await work();
  } finally {
    await end(broker);
    place.remove();
  }
}

/** All that a step leaves: where roots and issuing CAs stand, and which signed steps devices are told of. */
async function standing(home: string): Promise<unknown> {
  const { roots, issuing } = JSON.parse(run(home, ['trust', 'status', '-o', 'json']).stdout) as TrustView;
  const { store } = openStore(join(home, 'nolapse.db'));
  try {
    const steps = await store.read.trustSteps();
    return {
      roots: roots.slots.map(({ number, state, distributedAt }) => [number, state, distributedAt !== null]),
      issuing: [...issuing.slots, ...issuing.ended].map(({ number, state }) => [number, state]),
      steps: steps.map(({ sequence, kind, announcedFrom }) => [sequence, kind, announcedFrom !== null]),
      asked: roots.asked,
    };
  } finally {
    await store.close();
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nolapse-root-kill-'));
  [prepared, distributed] = [join(folder, 'prepared'), join(folder, 'distributed')];
  writeFileSync(join(folder, 'phrase'), 'a passphrase of its own\n');
  writeFileSync(join(folder, 'accept'), 'stock-1\n');
  done(prepared, 'init');
  const yaml = `mqtt: { nextPort: ${await freePort()} }\ntrust: { approval: { root: none } }\n`;
  writeFileSync(join(prepared, 'nolapse.yaml'), yaml);
  done(prepared, 'device', 'add', 'stock-1', '--owner', 'anna');
  done(prepared, 'device', 'issue', 'stock-1', '--out', join(folder, 'stock-1'));
  done(prepared, 'trust', 'prepare', 'root', '--seal-with', join(folder, 'phrase'));
  renameSync(join(prepared, 'pki', 'root-2.withdrawal'), join(folder, 'root-2.withdrawal'));
  done(prepared, 'backup', join(folder, 'backup'));
  done(prepared, 'backup', join(folder, 'backup'), '--verify');
  cpSync(prepared, distributed, { recursive: true });
  await serving(distributed, () => done(distributed, 'trust', 'distribute', 'root'));
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const accept = (): string[] => ['--accept', join(folder, 'accept')];

it('an announcement survives a kill of the broker at each moment', { timeout: 600_000 }, async () => {
  const [before, after] = [await standing(prepared), await standing(distributed)];
  let killed = 0;
  for (let moment = 1; moment <= momentsMax; moment += 1) {
    const home = join(folder, `announced-${moment}`);
    cpSync(prepared, home, { recursive: true });
    const armed = join(folder, `armed-${moment}`);
    const place = new Place(home);
    const env = {
      ...anyPorts,
      NODE_OPTIONS: `--import ${killer}`,
      KILL_AT_MOMENT: String(moment),
      KILL_ARMED_BY: armed,
    };
    const broker: Running = await startNolapse(place, undefined, env);
    const gone = once(broker.child, 'exit');
    writeFileSync(armed, '');
    const { status } = run(home, ['trust', 'distribute', 'root']);
    if (status === 0) {
      await end(broker, 'SIGKILL');
      place.remove();
      break;
    }
    expect(await gone).toEqual([null, 'SIGKILL']);
    place.remove();
    killed += 1;
    expect([before, after]).toContainEqual(await standing(home));
    await serving(home, () => done(home, 'trust', 'distribute', 'root'));
    expect(await standing(home), `moment ${moment}`).toEqual(after);
  }
  expect(killed).toBeGreaterThan(1);
  expect(killed).toBeLessThan(momentsMax);
});

it.each([
  ['activated', () => distributed, () => ['trust', 'activate', 'root', ...accept()]],
  [
    'retired',
    () => {
      const home = join(folder, 'active');
      cpSync(distributed, home, { recursive: true });
      done(home, 'trust', 'activate', 'root', ...accept());
      return home;
    },
    () => ['trust', 'retire', 'root', ...accept()],
  ],
  ['withdrawn', () => distributed, () => ['trust', 'abort', 'root', ...withdrawal()]],
] as const)('a root that is %s survives a kill at each moment', { timeout: 600_000 }, async (name, begin, command) => {
  const begun = begin();
  const before = await standing(begun);
  const clean = join(folder, `${name}-clean`);
  cpSync(begun, clean, { recursive: true });
  done(clean, ...command());
  const after = await standing(clean);
  expect(after).not.toEqual(before);
  let killed = 0;
  for (let moment = 1; moment <= momentsMax; moment += 1) {
    const home = join(folder, `${name}-${moment}`);
    cpSync(begun, home, { recursive: true });
    const { signal, status, stderr } = run(home, command(), moment);
    if (signal === null) {
      expect(status, stderr).toBe(0);
      break;
    }
    killed += 1;
    const found = await standing(home);
    expect([before, after]).toContainEqual(found);
    const more = run(home, command());
    const isDone = JSON.stringify(found) === JSON.stringify(after);
    expect(more.status === 0 || isDone, more.stderr).toBe(true);
    expect(await standing(home), `moment ${moment}`).toEqual(after);
    // The next start shows what is meant.
    done(home, 'init');
    const checks = JSON.parse(run(home, ['doctor', '-o', 'json']).stdout) as { subject: string; level: string }[];
    expect(checks.find(({ subject }) => subject === 'server chain')).toMatchObject({ level: 'ok' });
    expect(readFileSync(join(home, 'pki', 'server.crt'), 'utf8')).toContain('BEGIN CERTIFICATE');
  }
  expect(killed).toBeGreaterThan(1);
  expect(killed).toBeLessThan(momentsMax);
});
